"""Accounts: making, naming, changing and disabling them, and their API keys. Hashing is not done here."""

import unicodedata
from typing import Any

from coordinator.domain.permissions import may_administer
from coordinator.errors import (
    AccountDisabled,
    InvalidCredentials,
    InvalidRequest,
    InvalidToken,
    LastAdmin,
    NotFound,
    TokenRevoked,
    UsernameTaken,
)
from coordinator.gateway.tokens import SHOWN, Claims, key_digest
from coordinator.ids import new_id
from coordinator.store import audit, users
from coordinator.store.tables import ApiKeys, Users
from coordinator.store.work import Work
from protocol.problems import FieldError
from protocol.states import Role

NAME_LENGTH = range(2, 65)
MOST_KEYS = 50
TOUCH_EVERY_S = 300


def folded(username: str) -> str:
    """The one spelling under which a name is kept: NFKC, case folded. InvalidRequest: length or characters."""
    name = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username).casefold())
    if len(name) not in NAME_LENGTH or len(name.encode()) > 255 or not all(_may_stand(char) for char in name):
        raise InvalidRequest(
            "A username has 2 to 64 letters, digits or signs, and no spaces.",
            errors=(FieldError(pointer="/username", code="invalid_username"),),
        )
    return name


def _may_stand(char: str) -> bool:
    return unicodedata.category(char)[0] in "LMNPS"


def find(work: Work, username: str) -> Users | None:
    """The account with this name, however it is spelt."""
    try:
        return users.by_name(work, folded(username))
    except InvalidRequest:
        return None


def create(
    work: Work,
    username: str,
    password_hash: str,
    *,
    role: Role = Role.USER,
    email: str | None = None,
    address: str = "",
) -> Users:
    """A new account. UsernameTaken, InvalidRequest."""
    name, user_id = folded(username), new_id()
    added = users.add(
        work, id=user_id, username=name, email=email, password_hash=password_hash, role=role, version=1, disabled=False,
        klass=0, use_score=0.0, created_at=work.now,
    )  # fmt: skip
    if not added:
        raise UsernameTaken(username=name)
    account = get(work, user_id)
    audit.record(work, "user.registered", actor=account, target=account.id, address=address, role=role)
    return account


def get(work: Work, user_id: str) -> Users:
    """An account by id. NotFound."""
    found = users.get(work, user_id)
    if found is None:
        raise NotFound(kind="user", id=user_id)
    return found


def logged_in(work: Work, seen: Users, address: str) -> Users:
    """Remember a login whose password was right a moment ago. AccountDisabled, InvalidCredentials."""
    account = get(work, seen.id)
    if account.password_hash != seen.password_hash:
        raise InvalidCredentials
    if account.disabled:
        raise AccountDisabled
    users.change(work, account.id, last_login_at=work.now)
    audit.record(work, "login.ok", actor=account, target=account.id, address=address)
    return account


def login_failed(work: Work, username: str, reason: str, address: str) -> None:
    """Remember a login that did not work, under the name that was tried."""
    audit.record(work, audit.LOGIN_FAILED, actor=username, address=address, reason=reason)


def log_out(work: Work, account: Users, address: str) -> None:
    """End every session of the account."""
    users.end_sessions(work, account.id)
    audit.record(work, "logout", actor=account, target=account.id, address=address)


def set_password(work: Work, account: Users, password_hash: str, *, actor: Users | str, address: str = "") -> None:
    """Change the password and end every session."""
    users.end_sessions(work, account.id, password_hash=password_hash)
    audit.record(work, "user.password", actor=actor, target=account.id, address=address)


def by_claims(work: Work, claims: Claims) -> Users:
    """The account behind a genuine token. InvalidToken, TokenRevoked, AccountDisabled."""
    account = users.get(work, claims.user_id)
    if account is None:
        raise InvalidToken
    if account.disabled:
        raise AccountDisabled
    if account.version != claims.version:
        raise TokenRevoked
    return account


def by_key(work: Work, key: str) -> tuple[Users, ApiKeys]:
    """The account behind an API key, and the key's row. InvalidToken, AccountDisabled."""
    row = users.key_by_digest(work, key_digest(key))
    if row is None or (row.expires_at is not None and row.expires_at <= work.now):
        raise InvalidToken
    account = users.get(work, row.user_id)
    if account is None:
        raise InvalidToken
    if account.disabled:
        raise AccountDisabled
    return account, row


def key_needs_touch(work: Work, row: ApiKeys) -> bool:
    """Whether the last use that is written down is long ago: not every request shall cost a write."""
    return row.last_used_at is None or work.now - row.last_used_at > TOUCH_EVERY_S


def add_key(work: Work, account: Users, name: str, key: str, expires_at: float | None, address: str) -> ApiKeys:
    """Keep the digest of a fresh key. InvalidRequest: there are too many, or it has expired already."""
    if expires_at is not None and expires_at <= work.now:
        raise InvalidRequest(errors=(FieldError(pointer="/expires_at", code="in_the_past"),))
    if len(users.keys(work, account.id)) >= MOST_KEYS:
        raise InvalidRequest(f"An account has at most {MOST_KEYS} keys; remove one first.", most=MOST_KEYS)
    key_id = new_id()
    users.add_key(
        work, id=key_id, user_id=account.id, name=name, prefix=key[:SHOWN], digest=key_digest(key),
        created_at=work.now, expires_at=expires_at,
    )  # fmt: skip
    audit.record(work, "key.made", actor=account, target=key_id, address=address, name=name)
    return next(row for row in users.keys(work, account.id) if row.id == key_id)


def remove_key(work: Work, account: Users, key_id: str, address: str) -> None:
    """Forget a key of this account. NotFound."""
    if not users.remove_key(work, account.id, key_id):
        raise NotFound(kind="key", id=key_id)
    audit.record(work, "key.removed", actor=account, target=key_id, address=address)


def administer(work: Work, admin: Users, user_id: str, changes: dict[str, Any], address: str) -> Users:
    """Change role, disabled, class or bounds of an account. NotFound, LastAdmin.

    A change of role or of `disabled` ends the account's sessions.
    """
    admins = users.lock_admins(work)
    account = get(work, user_id)
    changed = {name: value for name, value in changes.items() if getattr(account, name) != value}
    if not changed:
        return account
    demoted = not may_administer(changed.get("role", account.role)) or changed.get("disabled", account.disabled)
    if list(admins) == [account.id] and demoted:
        raise LastAdmin
    move = users.end_sessions if changed.keys() & {"role", "disabled"} else users.change
    move(work, user_id, **changed)
    audit.record(work, "user.changed", actor=admin, target=user_id, address=address, **changed)
    return get(work, user_id)
