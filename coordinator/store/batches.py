"""Statements on batches."""

from sqlalchemy import delete, insert, select

from coordinator.store.schema import table
from coordinator.store.tables import Batches
from coordinator.store.work import Work

_batches = table(Batches)


def add(work: Work, batch_id: str, user_id: str) -> None:
    """Insert a batch."""
    work.execute(insert(_batches).values(id=batch_id, user_id=user_id, created_at=work.now))


def get(work: Work, batch_id: str) -> Batches | None:
    """One batch, or None."""
    return work.row(select(_batches).where(_batches.c.id == batch_id), Batches)


def remove(work: Work, batch_id: str) -> None:
    """Delete the row."""
    work.execute(delete(_batches).where(_batches.c.id == batch_id))
