"""Resumable uploads: what was announced. How much of it has come is the length of the file and in no row."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import bindparam, delete, func, insert, select, update

from coordinator.store.schema import row_of, table
from coordinator.store.tables import Uploads
from coordinator.store.work import Work

_uploads = table(Uploads)
_THIS: Final = _uploads.c.id == bindparam("key")
_OPEN: Final = _uploads.c.finished_at.is_(None)
_GET = select(_uploads).where(_THIS)
_EXTEND = update(_uploads).where(_THIS).values(expires_at=bindparam("until"))


def add(work: Work, values: dict[str, Any]) -> None:
    """Insert an upload of which nothing has come."""
    work.execute(insert(_uploads).values(row_of(Uploads, {"created_at": work.now, **values})))


def get(work: Work, upload_id: str) -> Uploads | None:
    """One upload, or None."""
    return work.row(_GET, Uploads, {"key": upload_id})


def extend(work: Work, upload_id: str, until: float) -> None:
    """Keep it until then."""
    work.run(_EXTEND, {"key": upload_id, "until": until})


def finish(work: Work, upload_id: str) -> bool:
    """It is whole and registered; False when somebody else said so before, or removed it."""
    statement = update(_uploads).where(_uploads.c.id == upload_id, _OPEN).values(finished_at=work.now)
    return work.changed(statement) == 1


def remove_unfinished(work: Work, upload_id: str) -> bool:
    """Delete the row if no media stands for it: the bytes are nobody's then. False: it is finished, or not there."""
    return work.changed(delete(_uploads).where(_uploads.c.id == upload_id, _OPEN)) == 1


def remove(work: Work, upload_id: str) -> bool:
    """Delete the row; False when there was none."""
    return work.changed(delete(_uploads).where(_uploads.c.id == upload_id)) == 1


def unfinished(work: Work, user_id: str, limit: int) -> Sequence[Uploads]:
    """What a user has begun and not ended, newest first."""
    mine = select(_uploads).where(_uploads.c.user_id == user_id, _OPEN)
    return work.rows(mine.order_by(_uploads.c.id.desc()).limit(limit), Uploads)


def count_unfinished(work: Work, user_id: str) -> int:
    """How many uploads a user has begun and not ended."""
    return int(work.scalar(select(func.count()).where(_uploads.c.user_id == user_id, _OPEN)))


def expired(work: Work, limit: int) -> Sequence[Uploads]:
    """Unfinished uploads that nobody went on with in time."""
    old = select(_uploads).where(_uploads.c.expires_at < work.now, _OPEN)
    return work.rows(old.order_by(_uploads.c.expires_at).limit(limit), Uploads)


def expire(work: Work, upload_id: str) -> bool:
    """Delete one of `expired`; False when it was ended, or gone on with, meanwhile."""
    old = (_uploads.c.id == upload_id) & (_uploads.c.expires_at < work.now) & _OPEN
    return work.changed(delete(_uploads).where(old)) == 1


def forget_finished(work: Work) -> int:
    """Delete finished ones that nobody needs to ask for any more."""
    return work.changed(delete(_uploads).where(_uploads.c.expires_at < work.now, _uploads.c.finished_at.is_not(None)))
