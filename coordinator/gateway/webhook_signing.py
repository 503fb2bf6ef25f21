"""Signatures of webhooks, by the library that receivers use, too.

The library takes text and times with a zone of UTC; a secret is base 64 of the standard alphabet, because what is of no
alphabet it would skip.
"""

import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from standardwebhooks import Webhook

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
SHOWN: Final = len(PREFIX) + 4


def fresh_secret() -> str:
    """256 random bits as receivers get them."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sign(keys: Sequence[str], message_id: str, at: float, body: str) -> dict[str, str]:
    """Headers of one message, signed with each of the secrets; `at` is Unix time in seconds."""
    when = datetime.fromtimestamp(int(at), UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at)),
        "webhook-signature": " ".join(Webhook(key).sign(message_id, when, body) for key in keys),
    }
