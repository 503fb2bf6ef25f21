"""Logging in and proving who one is: what needs a hash, a signature and a row together."""

import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from coordinator.errors import AccountDisabled, AccountError, InvalidCredentials, RegistrationClosed
from coordinator.gateway.passwords import Passwords
from coordinator.gateway.tokens import Claims, is_key, new_key
from coordinator.ids import new_secret
from coordinator.services import accounts
from coordinator.services.context import Context
from coordinator.store import audit, users
from coordinator.store.database import Database
from coordinator.store.tables import Users
from coordinator.store.work import Work
from protocol.states import Role

log = structlog.get_logger(__name__)
PASSWORD_FILE = "admin-password"  # noqa: S105 - the name of a file


class Session(NamedTuple):
    """A fresh token and how many seconds it lives."""

    token: str
    life_s: int


class PageSession(NamedTuple):
    """A session of the page: whose, the cookie's value, what must be said beside it, its end in Unix seconds."""

    account: Users
    token: str
    csrf: str
    expires_at: float


async def register(context: Context, username: str, password: str, email: str | None, address: str) -> Users:
    """A new account for a stranger. RegistrationClosed, UsernameTaken, WeakPassword, BusyHashing, InvalidRequest."""
    if context.settings.registration == "closed":
        raise RegistrationClosed
    accounts.folded(username)
    digest = await context.passwords.hash(password)
    return await context.database.write(
        lambda work: accounts.create(work, username, digest, email=email, address=address)
    )


async def log_in(context: Context, username: str, password: str, address: str) -> Users:
    """The account of a name and its password. InvalidCredentials, AccountDisabled, BusyHashing.

    An unknown name costs what a known one costs, and a disabled account says so only to who knows its password.
    """
    account = await context.database.read(lambda work: accounts.find(work, username))
    right = await context.passwords.verify(password, account.password_hash if account else None)
    if account is None or not right:
        await context.database.write(lambda work: accounts.login_failed(work, username, "credentials", address))
        raise InvalidCredentials
    if account.disabled:
        await context.database.write(lambda work: accounts.login_failed(work, username, "disabled", address))
        raise AccountDisabled
    known = account
    return await context.database.write(lambda work: accounts.logged_in(work, known, address))


def for_program(context: Context, account: Users) -> Session:
    """A bearer token of an account that has just proved who it is."""
    return Session(context.tokens.issue(account.id, account.version, context.clock()), context.tokens.life_s)


def for_page(context: Context, account: Users) -> PageSession:
    """A fresh session of the page, for an account that has just proved who it is."""
    return page(context, account, context.tokens.issue_page(account.id, account.version, context.clock()))


def page(context: Context, account: Users, token: str) -> PageSession:
    """The session of the page that a cookie stands for. InvalidToken, TokenExpired."""
    claims = context.tokens.read_page(token, context.clock())
    return PageSession(account, token, context.tokens.csrf(token), claims.expires_at)


async def of_page(context: Context, token: str) -> Users:
    """The account behind the page's cookie; one read. TokenExpired, TokenRevoked, InvalidToken, AccountDisabled."""
    claims = context.tokens.read_page(token, context.clock())
    known = Claims(claims.user_id, claims.version)
    return await context.database.read(lambda work: accounts.by_claims(work, known), brief=True)


async def change_password(context: Context, account: Users, old: str, new: str, address: str) -> Users:
    """Change one's own password: every session ends; the account as it is then, for a new one.

    InvalidCredentials, WeakPassword, BusyHashing.
    """
    if not await context.passwords.verify(old, account.password_hash):
        await context.database.write(lambda w: accounts.login_failed(w, account.username, "password change", address))
        raise InvalidCredentials
    digest = await context.passwords.hash(new)
    await context.database.write(
        lambda work: accounts.set_password(work, account, digest, actor=account, address=address)
    )
    return await context.database.read(lambda work: accounts.get(work, account.id))


async def make_account(
    context: Context, admin: Users, username: str, password: str, email: str | None, role: Role, address: str
) -> Users:
    """A new account that an administrator asks for. UsernameTaken, WeakPassword, BusyHashing, InvalidRequest."""
    accounts.folded(username)
    digest = await context.passwords.hash(password)

    def unit(work: Work) -> Users:
        account = accounts.create(work, username, digest, role=role, email=email, address=address)
        audit.record(work, "user.made", actor=admin, target=account.id, address=address, role=role)
        return account

    return await context.database.write(unit)


async def administer(context: Context, admin: Users, user_id: str, changes: dict[str, Any], address: str) -> Users:
    """Change an account, its password among the rest. NotFound, LastAdmin, WeakPassword, BusyHashing."""
    password = changes.pop("password", None)
    digest = await context.passwords.hash(password) if password is not None else None

    def unit(work: Work) -> Users:
        account = accounts.administer(work, admin, user_id, changes, address)
        if digest is not None:
            accounts.set_password(work, account, digest, actor=admin, address=address)
        return accounts.get(work, user_id)

    return await context.database.write(unit)


async def authenticate(context: Context, token: str) -> Users:
    """The account behind a bearer token, be it a JWT or an API key; one read, so that a revocation counts at once.

    TokenExpired, TokenRevoked, InvalidToken, AccountDisabled.
    """
    if not is_key(token):
        claims = context.tokens.read(token, context.clock())
        return await context.database.read(lambda work: accounts.by_claims(work, claims), brief=True)

    def look(work: Work) -> tuple[Users, str | None]:
        account, row = accounts.by_key(work, token)
        return account, row.id if accounts.key_needs_touch(work, row) else None

    account, stale = await context.database.read(look)
    if stale is not None:
        await context.database.write(lambda work: users.touch_key(work, stale))
    return account


def fresh_key() -> str:
    """A new API key, to be shown once."""
    return new_key()


async def first_administrator(database: Database, passwords: Passwords, name: str, password: str, home: Path) -> None:
    """Make the first account, if there is none yet. Without a password one is made and kept in `home`, mode 0600."""
    if await database.read(users.count):
        return
    chosen = password or new_secret()
    digest = await passwords.hash(chosen)

    def create(work: Work) -> bool:
        if users.count(work):
            return False
        try:
            accounts.create(work, name, digest, role=Role.ADMIN)
        except AccountError:
            return False
        audit.record(work, "admin.made", actor=audit.SYSTEM, target=name)
        return True

    if password:
        await database.write(create)
        return
    path = home / PASSWORD_FILE
    _keep(path, chosen)  # before the row: a password that nobody can read would lock everybody out
    if not await database.write(create):
        path.unlink()
        return
    log.info("first_administrator", username=name, password_file=str(path))
    if sys.stderr.isatty():
        sys.stderr.write(f"first administrator: {name}  password: {chosen}  (kept in {path})\n")


def _keep(path: Path, password: str) -> None:
    path.unlink(missing_ok=True)
    with open(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(f"{password}\n")
