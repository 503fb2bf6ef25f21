"""Calling a node: who are you, take this, stop that.

What comes back is a stranger's: bounded in size and time, never followed elsewhere, and believed only when it is our
JSON with the right ids. Everything else, a proxy's page included, is `Unreachable`.
"""

import asyncio
import hmac
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import quote

import aiohttp
from pydantic import ValidationError

from coordinator.clock import Clock
from coordinator.domain.words import plain
from coordinator.gateway.networks import Networks
from coordinator.ids import new_id, new_nonce
from protocol import signing
from protocol.base import WireModel
from protocol.interfaces import Identity
from protocol.problems import Problem
from protocol.work import Accepted, Assignment

IDENTITY_S: Final = 3.0
IDENTITY_BYTES: Final = 1024
CALL_S: Final = 5.0
ANSWER_BYTES: Final = 64 * 1024
CONNECT_S: Final = 2.0
DETAIL: Final = 500
CONNECTIONS: Final = 512
_REFUSALS: Final = frozenset({409, 410, 422})

Message = TypeVar("Message", bound=WireModel)


@dataclass(frozen=True, slots=True)
class Busy:
    """The node has no free slot."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The node cannot do this; the code says why."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No answer of the node's own. `connected` False: the message cannot have arrived."""

    connected: bool
    reason: str


class _Silent(Exception):
    """No usable answer."""

    def __init__(self, connected: bool, reason: str) -> None:
        super().__init__(reason)
        self.unreachable = Unreachable(connected, reason)


class InterfaceClient:
    """One connection pool to all nodes, opened by the first call and closed by `close`."""

    def __init__(self, clock: Clock, networks: Networks) -> None:
        self._clock = clock
        self._networks = networks
        self._opened: aiohttp.ClientSession | None = None

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=CONNECTIONS, ttl_dns_cache=10, socket_factory=self._networks.socket
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"accept-encoding": "identity", "user-agent": "segfleet-coordinator"},
                timeout=aiohttp.ClientTimeout(total=CALL_S, connect=CONNECT_S),
                auto_decompress=False,
                trust_env=False,
            )
        return self._opened

    async def close(self) -> None:
        """Close every connection."""
        if self._opened is not None:
            await self._opened.close()

    async def identify(self, address: str, node_id: str | None, secret: str) -> bool:
        """Whether who listens at `address` is this node and holds this secret."""
        nonce = new_nonce()
        try:
            status, body = await self._send(
                "GET", f"{address}/identity?nonce={nonce}", {}, b"", IDENTITY_S, IDENTITY_BYTES
            )
        except _Silent:
            return False
        found = _parsed(Identity, body) if status == 200 else None
        if found is None or node_id not in (None, found.node_id):
            return False
        return hmac.compare_digest(found.proof.encode(), signing.identity_proof(secret, nonce).encode())

    async def assign(
        self, address: str, interface_id: str, secret: str, assignment: Assignment
    ) -> Accepted | Busy | Refused | Unreachable:
        """Offer an attempt. The same offer may be sent again: a node answers it by its id."""
        body = assignment.model_dump_json().encode()
        try:
            status, answer = await self._signed("POST", address, "/process", interface_id, secret, body)
        except _Silent as silent:
            return silent.unreachable
        if status == 202:
            accepted = _parsed(Accepted, answer)
            if accepted is not None and accepted.attempt_id == assignment.attempt_id:
                return accepted
        problem = _parsed(Problem, answer) if status in _REFUSALS else None
        if problem is None or problem.status != status or _names_another(problem, assignment.attempt_id):
            return Unreachable(True, f"answered {status} with something that is not a node's")
        return Busy() if problem.code == "node_busy" else Refused(problem.code, plain(problem.detail, DETAIL))

    async def cancel(self, address: str, interface_id: str, secret: str, attempt_id: str) -> bool:
        """Tell a node to stop an attempt; whether it heard. A node that knows no such attempt heard, too."""
        path = f"/process/{quote(attempt_id, safe='')}"
        try:
            status, _body = await self._signed("DELETE", address, path, interface_id, secret, b"")
        except _Silent:
            return False
        return 200 <= status < 300 or status in {404, 410}

    async def _signed(
        self, method: str, address: str, path: str, interface_id: str, secret: str, body: bytes
    ) -> tuple[int, bytes]:
        now = self._clock()
        headers = signing.sign(
            secret, "to-node", message_id=f"msg_{new_id()}", now=now, method=method, path=path, body=body
        )
        headers |= {signing.INTERFACE_HEADER: interface_id}
        if body:
            headers |= {"content-type": "application/json"}
        return await self._send(method, address + path, headers, body, CALL_S, ANSWER_BYTES)

    async def _send(
        self, method: str, url: str, headers: dict[str, str], body: bytes, limit_s: float, limit_bytes: int
    ) -> tuple[int, bytes]:
        """Status and body. _Silent: nobody answered, too slowly, or too much."""
        try:
            async with (
                asyncio.timeout(limit_s),
                self._session().request(
                    method, url, headers=headers, data=body or None, allow_redirects=False
                ) as answer,
            ):
                return answer.status, await _bounded(answer, limit_bytes)
        except aiohttp.ClientConnectorError as error:
            raise _Silent(False, str(error.os_error) or type(error.os_error).__name__) from error
        except aiohttp.ConnectionTimeoutError as error:
            raise _Silent(False, f"no connection within {CONNECT_S:g} s") from error
        except TimeoutError as error:
            raise _Silent(True, f"no answer within {limit_s:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _Silent(True, f"{type(error).__name__}: {error}") from error


async def _bounded(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise _Silent(True, f"an answer of more than {limit} bytes")
    return bytes(body)


def _parsed(kind: type[Message], body: bytes) -> Message | None:
    try:
        return kind.model_validate_json(body)
    except ValidationError:
        return None


def _names_another(problem: Problem, attempt_id: str) -> bool:
    return bool(problem.params.get("attempt_id", attempt_id) != attempt_id)
