"""Signatures in the Standard Webhooks form, good for one route in one direction.

The signed content is `{id}.{timestamp}.{payload}`; the payload is `METHOD path?query`, a line feed and the SHA-256 of
the body in hex. The path is the one below the receiver's base address, so a reverse proxy may add a prefix.
Keys are HMAC(secret, direction). Time is an argument: nodes own no clock.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal

Direction = Literal["to-node", "to-coordinator"]
Verdict = Literal["ok", "missing", "clock_skew", "bad_signature"]
TOLERANCE_S: Final = 300
INTERFACE_HEADER: Final = "segfleet-interface"
_ID, _TIME, _SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


@lru_cache(maxsize=1024)
def _key(secret: str, direction: Direction) -> bytes:
    return hmac.digest(secret.encode(), direction.encode(), "sha256")


def _mac(
    secret: str, direction: Direction, message_id: str, timestamp: str, method: str, path: str, body: bytes
) -> str:
    content = f"{message_id}.{timestamp}.{method} {path}\n{hashlib.sha256(body).hexdigest()}"
    return "v1," + base64.b64encode(hmac.digest(_key(secret, direction), content.encode(), "sha256")).decode()


def sign(
    secret: str, direction: Direction, *, message_id: str, now: float, method: str, path: str, body: bytes
) -> dict[str, str]:
    """Headers for one request. `now` is Unix time in seconds as the coordinator sees it; `path` includes the query."""
    timestamp = str(int(now))
    mac = _mac(secret, direction, message_id, timestamp, method, path, body)
    return {_ID: message_id, _TIME: timestamp, _SIGNATURE: mac}


def verify(
    secret: str, direction: Direction, headers: Mapping[str, str], *, now: float, method: str, path: str, body: bytes
) -> Verdict:
    """Check one request; `headers` is case-insensitive or has lower-case names. Constant time in the signature.

    A wrong clock is told apart only for a message whose signature is right, so that a stranger learns nothing.
    """
    message_id, timestamp, given = headers.get(_ID, ""), headers.get(_TIME, ""), headers.get(_SIGNATURE, "")
    if not (message_id and given and timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return "missing"
    expected = _mac(secret, direction, message_id, timestamp, method, path, body).encode()
    if not any(hmac.compare_digest(expected, candidate.encode()) for candidate in given.split(" ")):
        return "bad_signature"
    return "ok" if abs(now - int(timestamp)) <= TOLERANCE_S else "clock_skew"


def identity_proof(secret: str, nonce: str) -> str:
    """What a node answers to `GET /identity?nonce=`: proof that it holds the secret of its registration."""
    return hmac.new(secret.encode(), nonce.encode(), "sha256").hexdigest()
