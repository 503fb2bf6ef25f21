"""What one account has stored and had computed."""

from typing import NamedTuple

from sqlalchemy import case, func, select

from coordinator.store.schema import Json, table
from coordinator.store.tables import Attempts, Media, Tasks
from coordinator.store.work import Work
from protocol.states import AttemptState

_tasks, _attempts, _media = table(Tasks), table(Attempts), table(Media)


class Spent(NamedTuple):
    """Seconds that nodes worked, frames of completed attempts, and how many attempts began."""

    seconds: float
    frames: int
    attempts: int


def tasks_by_state(work: Work, user_id: str) -> dict[str, int]:
    """How many tasks of an account are in each state."""
    mine = select(_tasks.c.state, func.count().label("number")).where(_tasks.c.user_id == user_id)
    rows = work.execute(mine.group_by(_tasks.c.state)).mappings()
    return {str(row["state"]): int(row["number"]) for row in rows}


def uploads_by_kind(work: Work, user_id: str) -> Json:
    """How many uploads of each kind an account has, and their bytes."""
    mine = select(_media.c.kind, func.count().label("number"), func.sum(_media.c.size).label("bytes"))
    rows = work.execute(mine.where(_media.c.user_id == user_id).group_by(_media.c.kind)).mappings()
    return {str(row["kind"]): {"number": int(row["number"]), "bytes": int(row["bytes"])} for row in rows}


def work_since(work: Work, user_id: str, since: float) -> Spent:
    """What nodes did since then for the tasks that an account has now; what is going on counts until this moment."""
    ended = func.coalesce(_attempts.c.ended_at, work.now)
    done = _attempts.c.state == AttemptState.COMPLETED.value
    statement = (
        select(
            func.sum(ended - _attempts.c.started_at).label("seconds"),
            func.sum(case((done, _attempts.c.frames_done), else_=0)).label("frames"),
            func.count().label("number"),
        )
        .select_from(_tasks.join(_attempts, _attempts.c.task_id == _tasks.c.id))
        .where(_tasks.c.user_id == user_id, _attempts.c.started_at >= since)
    )
    row = work.execute(statement).mappings().one()
    return Spent(float(row["seconds"] or 0.0), int(row["frames"] or 0), int(row["number"]))
