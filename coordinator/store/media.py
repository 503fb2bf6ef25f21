"""Uploaded videos and backgrounds."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, func, insert, or_, select, update
from sqlalchemy import delete as sql_delete

from coordinator.domain.lifecycle import LIVE
from coordinator.store.schema import table
from coordinator.store.tables import Media, Results, Tasks, Uploads, Users
from coordinator.store.work import Work

_media = table(Media)
_tasks = table(Tasks)
_results = table(Results)
_users = table(Users)
_begun = table(Uploads)
_GET = select(_media).where(_media.c.id == bindparam("key"))
_TOUCH = update(_media).where(_media.c.id == bindparam("key")).values(last_used_at=bindparam("at"))
_LIVE: Final = [str(state) for state in LIVE]
SORTS: Final = ("created_at", "name", "size", "duration")


def add(work: Work, values: dict[str, Any]) -> None:
    """Insert an upload that is whole and probed; it was made, and last used, now."""
    work.execute(insert(_media).values(created_at=work.now, last_used_at=work.now, **values))


def get(work: Work, media_id: str) -> Media | None:
    """One upload, or None."""
    return work.row(_GET, Media, {"key": media_id})


def lock(work: Work, media_id: str) -> Media | None:
    """`get`, and nobody else changes, uses or removes it before this transaction ends."""
    return work.row(select(_media).where(_media.c.id == media_id).with_for_update(), Media)


def touch(work: Work, media_id: str) -> bool:
    """It was used now: what is not used for long expires. Until the commit nobody removes it; False when it is gone."""
    return work.run(_TOUCH, {"key": media_id, "at": work.now}) == 1


def remove(work: Work, media_id: str) -> bool:
    """Delete the row; False when there was none."""
    return work.changed(sql_delete(_media).where(_media.c.id == media_id)) == 1


def page(
    work: Work, *, user_id: str, kind: str, q: str, sort: str, after: tuple[Any, str] | None, limit: int
) -> Sequence[Media]:
    """A user's uploads of one kind whose name contains `q`, in order of `sort` (one of `SORTS`, `-` turns it round)
    and id; `after` is the (value, id) that the last page ended with."""
    mine = select(_media).where(_media.c.user_id == user_id, _media.c.kind == kind)
    if q:
        mine = mine.where(func.lower(_media.c.name).contains(q.lower(), autoescape=True))
    return work.rows(_ordered(mine, sort, after).limit(limit), Media)


def _ordered(statement: Select[Any], sort: str, after: tuple[Any, str] | None) -> Select[Any]:
    column, descending = _media.c[sort.removeprefix("-")], sort.startswith("-")
    if after is not None:
        value, media_id = after
        further: ColumnElement[bool] = column < value if descending else column > value
        beyond: ColumnElement[bool] = _media.c.id < media_id if descending else _media.c.id > media_id
        statement = statement.where(or_(further, and_(column == value, beyond)))
    if descending:
        return statement.order_by(column.desc(), _media.c.id.desc())
    return statement.order_by(column, _media.c.id)


def used_bytes(work: Work, user_id: str) -> int:
    """What a user's uploads and results take, and what unfinished uploads will."""
    uploads = work.scalar(select(func.coalesce(func.sum(_media.c.size), 0)).where(_media.c.user_id == user_id))
    made = (
        select(func.coalesce(func.sum(_results.c.size), 0))
        .select_from(_results.join(_tasks, _tasks.c.id == _results.c.task_id))
        .where(_tasks.c.user_id == user_id)
    )
    announced = select(func.coalesce(func.sum(_begun.c.size), 0)).where(
        _begun.c.user_id == user_id, _begun.c.finished_at.is_(None)
    )
    return int(uploads) + int(work.scalar(made)) + int(work.scalar(announced))


def lock_owner(work: Work, user_id: str) -> None:
    """Lock the account, so that two uploads of one user do not both take the last of the quota."""
    work.execute(select(_users.c.id).where(_users.c.id == user_id).with_for_update())


def live_task(work: Work, media_id: str) -> str | None:
    """A live task that needs this upload, or None."""
    for column in (_tasks.c.source_id, _tasks.c.background_id):
        found = work.scalar(select(_tasks.c.id).where(column == media_id, _tasks.c.state.in_(_LIVE)).limit(1))
        if found is not None:
            return str(found)
    return None


def unused(work: Work, before: float, limit: int) -> Sequence[Media]:
    """Uploads last used before then that no live task needs, longest unused first."""
    needed = exists().where(
        or_(_tasks.c.source_id == _media.c.id, _tasks.c.background_id == _media.c.id), _tasks.c.state.in_(_LIVE)
    )
    old = select(_media).where(_media.c.last_used_at < before, ~needed)
    return work.rows(old.order_by(_media.c.last_used_at, _media.c.id).limit(limit), Media)


def known(work: Work, media_ids: Collection[str]) -> set[str]:
    """Which of these ids have a row."""
    return set(work.scalars(select(_media.c.id).where(_media.c.id.in_(media_ids))))


def totals(work: Work) -> dict[str, tuple[int, int]]:
    """How many uploads of each kind there are, and their bytes."""
    statement = select(_media.c.kind, func.count(), func.sum(_media.c.size)).group_by(_media.c.kind)
    return {str(kind): (int(count), int(size)) for kind, count, size in map(tuple, work.execute(statement).all())}
