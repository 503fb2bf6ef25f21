"""Secrets of nodes at rest: encrypted under a key derived from JWT_SECRET, opened in memory."""

import base64
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_LABEL: Final = b"segfleet node secrets v1"
_REMEMBERED: Final = 4096


class NodeSecrets:
    """Seals and opens; what was opened is remembered, because every signed message needs it. What is sealed under one
    `label` opens under no other."""

    def __init__(self, jwt_secret: str, label: bytes = _LABEL) -> None:
        key = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=label).derive(jwt_secret.encode())
        self._box = Fernet(base64.urlsafe_b64encode(key))
        self._opened: dict[str, str] = {}

    def seal(self, secret: str) -> str:
        """Encrypt for the database; equal secrets seal differently."""
        sealed = self._box.encrypt(secret.encode()).decode()
        self._remember(sealed, secret)
        return sealed

    def open(self, sealed: str) -> str | None:
        """Decrypt; None when it was sealed under another JWT_SECRET, and its node must join anew."""
        found = self._opened.get(sealed)
        if found is None:
            try:
                found = self._box.decrypt(sealed.encode()).decode()
            except InvalidToken:
                return None
            self._remember(sealed, found)
        return found

    def _remember(self, sealed: str, secret: str) -> None:
        if len(self._opened) >= _REMEMBERED:
            self._opened.clear()
        self._opened[sealed] = secret
