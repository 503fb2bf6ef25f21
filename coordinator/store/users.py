"""Accounts and API keys."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Insert, Table, bindparam, func, insert, select, update
from sqlalchemy import delete as sql_delete
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from coordinator.store.schema import table
from coordinator.store.tables import ApiKeys, Users
from coordinator.store.work import Work
from protocol.states import Role

_users = table(Users)
_keys = table(ApiKeys)
_GET = select(_users).where(_users.c.id == bindparam("key"))
_USE = select(_users.c.use_score).where(_users.c.id == bindparam("key"))
_SET_USE = (
    update(_users)
    .where(_users.c.id == bindparam("key"), _users.c.use_score == bindparam("known"))
    .values(use_score=bindparam("use"))
)


def get(work: Work, user_id: str) -> Users | None:
    """An account by id."""
    return work.row(_GET, Users, {"key": user_id})


def by_name(work: Work, username: str) -> Users | None:
    """An account by its folded name."""
    return work.row(select(_users).where(_users.c.username == username), Users)


def use_score(work: Work, user_id: str) -> float | None:
    """What an account has used, as `domain.fairness` keeps it; None when there is no such account."""
    found = work.scalar(_USE, {"key": user_id})
    return None if found is None else float(found)


def set_use(work: Work, user_id: str, known: float, score: float) -> bool:
    """Write what an account has used; False when it was not `known` any more."""
    return work.run(_SET_USE, {"key": user_id, "known": known, "use": score}) == 1


def names(work: Work, user_ids: Collection[str]) -> dict[str, str]:
    """The names of those of these ids that are accounts."""
    if not user_ids:
        return {}
    found = work.execute(select(_users.c.id, _users.c.username).where(_users.c.id.in_(list(user_ids))))
    return {str(row["id"]): str(row["username"]) for row in found.mappings()}


def page(work: Work, *, q: str, after: str, limit: int) -> Sequence[Users]:
    """Accounts by name, those behind `after`, whose name contains `q`."""
    statement = select(_users).where(_users.c.username > after).order_by(_users.c.username).limit(limit)
    if q:
        statement = statement.where(_users.c.username.contains(q, autoescape=True))
    return work.rows(statement, Users)


def add(work: Work, **values: Any) -> bool:
    """A new account; False when the name is taken, also by somebody who is adding it at this moment."""
    statement = _unless_taken(work, _users).values(**values).execution_options(preserve_rowcount=True)
    return work.changed(statement) == 1


def _unless_taken(work: Work, into: Table) -> Insert:
    match work.connection.dialect.name:
        case "sqlite":
            return sqlite_insert(into).on_conflict_do_nothing()
        case "postgresql":
            return postgresql_insert(into).on_conflict_do_nothing()
        case _:
            return insert(into).prefix_with("IGNORE")


def change(work: Work, user_id: str, **values: Any) -> bool:
    """Change an account; False when there is none."""
    return work.changed(update(_users).where(_users.c.id == user_id).values(**values)) == 1


def end_sessions(work: Work, user_id: str, **values: Any) -> bool:
    """Change an account and make every token of it worthless."""
    return change(work, user_id, version=_users.c.version + 1, **values)


def count(work: Work) -> int:
    """How many accounts there are."""
    return int(work.scalar(select(func.count()).select_from(_users)))


def lock_admins(work: Work) -> Sequence[str]:
    """Ids of the administrators who can log in; nobody else changes them before this transaction ends."""
    enabled = (_users.c.role == Role.ADMIN) & _users.c.disabled.is_(False)
    return [str(found) for found in work.scalars(select(_users.c.id).where(enabled).with_for_update())]


def add_key(work: Work, **values: Any) -> None:
    """A new API key."""
    work.execute(insert(_keys).values(**values))


def keys(work: Work, user_id: str) -> Sequence[ApiKeys]:
    """The API keys of an account, oldest first."""
    return work.rows(select(_keys).where(_keys.c.user_id == user_id).order_by(_keys.c.id), ApiKeys)


def key_by_digest(work: Work, digest: str) -> ApiKeys | None:
    """The key whose digest this is."""
    return work.row(select(_keys).where(_keys.c.digest == digest), ApiKeys)


def touch_key(work: Work, key_id: str) -> None:
    """Remember that a key was used now."""
    work.execute(update(_keys).where(_keys.c.id == key_id).values(last_used_at=work.now))


def remove_key(work: Work, user_id: str, key_id: str) -> bool:
    """Forget a key; False when the account has no such key."""
    mine = (_keys.c.id == key_id) & (_keys.c.user_id == user_id)
    return work.changed(sql_delete(_keys).where(mine)) == 1
