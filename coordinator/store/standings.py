"""Whether the accounts and keys behind open sockets are still good: many at once, because every event asks."""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import NamedTuple

from sqlalchemy import select

from coordinator.store.schema import table
from coordinator.store.tables import ApiKeys, Users
from coordinator.store.work import Work

_users, _keys = table(Users), table(ApiKeys)
AT_ONCE = 500


class Standing(NamedTuple):
    """What decides about an account's sessions."""

    version: int
    role: str
    disabled: bool


def of(work: Work, user_ids: Collection[str]) -> dict[str, Standing]:
    """By account; who is gone is missing."""
    found = {}
    for ids in _parts(user_ids):
        columns = _users.c.id, _users.c.version, _users.c.role, _users.c.disabled
        for row in work.execute(select(*columns).where(_users.c.id.in_(ids))):
            found[str(row.id)] = Standing(int(row.version), str(row.role), bool(row.disabled))
    return found


def live_keys(work: Work, key_ids: Collection[str]) -> set[str]:
    """Those of these API keys that are still good."""
    fresh = _keys.c.expires_at.is_(None) | (_keys.c.expires_at > work.now)
    found: set[str] = set()
    for ids in _parts(key_ids):
        found.update(work.scalars(select(_keys.c.id).where(_keys.c.id.in_(ids), fresh)))
    return found


def _parts(ids: Collection[str]) -> Iterator[list[str]]:
    rest = iter(sorted(ids))
    while part := list(islice(rest, AT_ONCE)):
        yield part
