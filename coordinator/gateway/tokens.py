"""Tokens of people and programs: JWT of one algorithm, and API keys of which only a digest is kept.

A token of the page (`use: page`) travels in a cookie only and is no bearer token, nor the other way round.
"""

import base64
import hashlib
import hmac
from typing import Any, Final, NamedTuple

import jwt

from coordinator.errors import InvalidToken, TokenExpired
from coordinator.ids import new_secret
from protocol.base import UserId

ALGORITHM = "HS256"
KEY_PREFIX = "sfk_"
SHOWN = len(KEY_PREFIX) + 6
BLOCK = 64
REMEMBERED = 4096
PAGE: Final = "page"
_CSRF_LABEL: Final = b"segfleet csrf v1"


class Claims(NamedTuple):
    """What a token says; `version` must still be the account's."""

    user_id: UserId
    version: int


class PageClaims(NamedTuple):
    """What a token of the page says; `expires_at` in Unix seconds."""

    user_id: UserId
    version: int
    expires_at: float


class Tokens:
    """Issues and reads the tokens of logins. `life_s` in seconds."""

    def __init__(self, secret: str, life_s: int) -> None:
        # HMAC fills a short key with zeros to its block; doing so here changes no signature, and a development
        # secret is refused by the settings where it matters and not by a warning of the library
        self._key = secret.encode().ljust(BLOCK, b"\0")
        self._csrf_key = hmac.digest(secret.encode(), _CSRF_LABEL, "sha256")
        self.life_s = life_s
        self._genuine: dict[str, dict[str, Any]] = {}

    def issue(self, user_id: str, version: int, now: float) -> str:
        """A signed token from `now` (Unix seconds) on."""
        return jwt.encode(self._claims(user_id, version, now), self._key, ALGORITHM)

    def issue_page(self, user_id: str, version: int, now: float) -> str:
        """A signed token for the page's cookie; no two are alike."""
        claims = {**self._claims(user_id, version, now), "use": PAGE, "jti": new_secret()}
        return jwt.encode(claims, self._key, ALGORITHM)

    def csrf(self, page_token: str) -> str:
        """What the page must say beside its cookie; only who may read our answers can know it."""
        digest = hmac.digest(self._csrf_key, page_token.encode("utf-8", "surrogateescape"), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def read(self, token: str, now: float) -> Claims:
        """The claims of a genuine bearer token. InvalidToken, TokenExpired."""
        found = _checked(self._genuine_claims(token), now, use=None)
        return Claims(found.user_id, found.version)

    def read_page(self, token: str, now: float) -> PageClaims:
        """The claims of a genuine token of the page. InvalidToken, TokenExpired."""
        return _checked(self._genuine_claims(token), now, use=PAGE)

    def _claims(self, user_id: str, version: int, now: float) -> dict[str, Any]:
        issued = int(now)
        return {"sub": user_id, "ver": version, "iat": issued, "exp": issued + self.life_s}

    def _genuine_claims(self, token: str) -> dict[str, Any]:
        claims = self._genuine.get(token)
        if claims is None:
            claims = self._verified(token)
            if len(self._genuine) >= REMEMBERED:
                self._genuine.clear()
            self._genuine[token] = claims
        return claims

    def _verified(self, token: str) -> dict[str, Any]:
        """What a token says whose signature is right: that does not change, so it is remembered."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                [ALGORITHM],
                options={"require": ["exp", "iat", "sub", "ver"], "verify_exp": False, "verify_iat": False},
            )
        except jwt.PyJWTError:
            raise InvalidToken from None
        return claims


def _checked(claims: dict[str, Any], now: float, use: str | None) -> PageClaims:
    """The library compares `exp` with the machine's clock; ours is an argument."""
    subject, version, expires = claims["sub"], claims["ver"], claims["exp"]
    if not isinstance(subject, str) or type(version) is not int or type(expires) not in {int, float}:
        raise InvalidToken
    if claims.get("use") != use:
        raise InvalidToken
    if expires <= now:
        raise TokenExpired
    return PageClaims(UserId(subject), version, float(expires))


def new_key() -> str:
    """A fresh API key; it is shown once."""
    return KEY_PREFIX + new_secret()


def is_key(token: str) -> bool:
    """Whether a bearer token claims to be an API key."""
    return token.startswith(KEY_PREFIX)


def key_digest(key: str) -> str:
    """What is stored of an API key: 256 random bits need no slow hash."""
    return hashlib.sha256(key.encode()).hexdigest()
