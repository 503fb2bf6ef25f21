"""Who is behind a socket, and whether that is still so: tokens end while sockets live."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from coordinator.api.authentication import account_of, page_token
from coordinator.errors import AccountDisabled, AccountError, InvalidToken, TokenRevoked, Unauthorized
from coordinator.gateway.tokens import is_key, key_digest
from coordinator.services import sessions
from coordinator.services.context import Context
from coordinator.store import standings, users
from coordinator.store.standings import Standing
from coordinator.store.work import Work

Kind = Literal["bearer", "page", "key"]


@dataclass(frozen=True, slots=True)
class Identity:
    """An account and the proof that it gave. `key_id` names an API key, which outlives changes of `version`."""

    user_id: str
    version: int
    role: str
    kind: Kind
    token: str
    key_id: str | None = None

    def refuse_expired(self, here: Context) -> None:
        """TokenExpired. An API key's end is asked of the database."""
        match self.kind:
            case "bearer":
                here.tokens.read(self.token, here.clock())
            case "page":
                here.tokens.read_page(self.token, here.clock())

    def refuse_ended(self, standing: Standing | None, keys: Collection[str]) -> None:
        """InvalidToken, AccountDisabled, TokenRevoked: what the database says about the account now."""
        if standing is None:
            raise InvalidToken
        if standing.disabled:
            raise AccountDisabled
        if self.key_id is None and standing.version != self.version:
            raise TokenRevoked
        if self.key_id is not None and (self.key_id not in keys or standing.role != self.role):
            raise TokenRevoked


@dataclass(frozen=True, slots=True)
class Standings:
    """What the database said about the accounts and keys of several sockets at once."""

    accounts: Mapping[str, Standing]
    keys: Collection[str]

    def refusal(self, identity: Identity) -> AccountError | None:
        """Why this socket must be closed; None: it is good."""
        try:
            identity.refuse_ended(self.accounts.get(identity.user_id), self.keys)
        except AccountError as error:
            return error
        return None


def look(work: Work, identities: Collection[Identity]) -> Standings:
    """How these stand now."""
    keys = {one.key_id for one in identities if one.key_id is not None}
    return Standings(
        standings.of(work, {one.user_id for one in identities}),
        standings.live_keys(work, keys) if keys else frozenset(),
    )


async def of_token(here: Context, token: str) -> Identity:
    """Who holds a bearer token or an API key. AccountError."""
    account = await sessions.authenticate(here, token)
    if not is_key(token):
        return Identity(account.id, account.version, account.role, "bearer", token)
    key = await here.database.read(lambda work: users.key_by_digest(work, key_digest(token)), brief=True)
    if key is None:
        raise InvalidToken
    return Identity(account.id, account.version, account.role, "key", "", key.id)


async def of_handshake(here: Context, connection: HTTPConnection) -> Identity:
    """Who connected, by the `Authorization` header or the page's cookie, whose `Origin` must be ours. AccountError."""
    account = account_of(connection)
    if account is None:
        raise Unauthorized
    if isinstance(account, AccountError):
        raise account
    cookie = page_token(connection)
    if cookie is not None:
        return Identity(account.id, account.version, account.role, "page", cookie)
    _, _, token = Headers(scope=connection.scope).get("authorization", "").partition(" ")
    return await of_token(here, token.strip())
