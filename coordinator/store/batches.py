"""Statements on batches."""

from sqlalchemy import delete, exists, insert, select

from coordinator.store.schema import table
from coordinator.store.tables import Batches, Tasks
from coordinator.store.work import Work

_batches, _tasks = table(Batches), table(Tasks)


def add(work: Work, batch_id: str, user_id: str) -> None:
    """Insert a batch."""
    work.execute(insert(_batches).values(id=batch_id, user_id=user_id, created_at=work.now))


def get(work: Work, batch_id: str) -> Batches | None:
    """One batch, or None."""
    return work.row(select(_batches).where(_batches.c.id == batch_id), Batches)


def remove(work: Work, batch_id: str) -> None:
    """Delete the row."""
    work.execute(delete(_batches).where(_batches.c.id == batch_id))


def forget_empty(work: Work, before: float, limit: int) -> int:
    """Delete batches made before that of which no task is left, at most `limit`; how many."""
    empty = ~exists().where(_tasks.c.batch_id == _batches.c.id)
    found = work.scalars(select(_batches.c.id).where(_batches.c.created_at < before, empty).limit(limit))
    if found:
        work.execute(delete(_batches).where(_batches.c.id.in_(found)))
    return len(found)
