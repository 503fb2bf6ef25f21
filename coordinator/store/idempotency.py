"""Answers already given to an Idempotency-Key, scoped to user and route."""

from sqlalchemy import delete, insert, select

from coordinator.store.schema import table
from coordinator.store.tables import Idempotency
from coordinator.store.work import Work

_keys = table(Idempotency)


def find(work: Work, user_id: str, route: str, key: str) -> Idempotency | None:
    """What this key made before, or None."""
    where = (_keys.c.user_id == user_id) & (_keys.c.route == route) & (_keys.c.key == key)
    return work.row(select(_keys).where(where), Idempotency)


def remember(work: Work, user_id: str, route: str, key: str, body_sha256: str, object_id: str) -> None:
    """Write the key in the transaction that makes the object."""
    row = {"user_id": user_id, "route": route, "key": key, "body_sha256": body_sha256}
    work.execute(insert(_keys).values(object_id=object_id, created_at=work.now, **row))


def forget_before(work: Work, at: float) -> int:
    """Delete keys older than `at`."""
    return work.changed(delete(_keys).where(_keys.c.created_at < at))
