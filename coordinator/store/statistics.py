"""Numbers for `stats` and `metrics`: counted by the database, never kept beside it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, case, func, select

from coordinator.store.schema import Json, table
from coordinator.store.tables import Attempts, Interfaces, Tasks
from coordinator.store.work import Work
from protocol.states import TaskState

_tasks, _attempts, _interfaces = table(Tasks), table(Attempts), table(Interfaces)


class Ended(NamedTuple):
    """Tasks that ended in a span of time: how many of each kind, and mean seconds of waiting and of working."""

    completed: int
    failed: int
    cancelled: int
    wait_s: float | None
    work_s: float | None
    frames: int


def ended_since(work: Work, since: float) -> Ended:
    """What ended since then."""

    def count(state: TaskState) -> ColumnElement[Any]:
        return func.sum(case((_tasks.c.state == state.value, 1), else_=0)).label(state.value)

    done = _tasks.c.state == TaskState.COMPLETED.value
    statement = select(
        count(TaskState.COMPLETED),
        count(TaskState.FAILED),
        count(TaskState.CANCELLED),
        func.avg(case((done, _tasks.c.started_at - _tasks.c.submitted_at))).label("wait_s"),
        func.avg(case((done, _tasks.c.finished_at - _tasks.c.started_at))).label("work_s"),
        func.sum(case((done, _tasks.c.frames_total), else_=0)).label("frames"),
    ).where(_tasks.c.finished_at >= since)
    row = work.execute(statement).mappings().one()
    return Ended(
        completed=int(row["completed"] or 0),
        failed=int(row["failed"] or 0),
        cancelled=int(row["cancelled"] or 0),
        wait_s=None if row["wait_s"] is None else float(row["wait_s"]),
        work_s=None if row["work_s"] is None else float(row["work_s"]),
        frames=int(row["frames"] or 0),
    )


def predictions(work: Work, limit: int) -> Sequence[tuple[float, float]]:
    """Of the latest completed tasks: the seconds that were predicted at their start, and those that they took."""
    known = (_tasks.c.state == TaskState.COMPLETED.value) & _tasks.c.first_eta_s.is_not(None)
    known &= _tasks.c.started_at.is_not(None)  # a retry that had only to verify what was there never began again
    took = (_tasks.c.finished_at - _tasks.c.started_at).label("took")
    statement = select(_tasks.c.first_eta_s, took).where(known).order_by(_tasks.c.created_at.desc()).limit(limit)
    rows: Sequence[Any] = work.execute(statement).all()
    return [(float(row[0]), float(row[1])) for row in rows]


def attempts_since(work: Work, since: float) -> dict[str, int]:
    """How attempts ended since then, by state."""
    statement = (
        select(_attempts.c.state, func.count().label("number"))
        .where(_attempts.c.ended_at >= since)
        .group_by(_attempts.c.state)
    )
    return {str(row["state"]): int(row["number"]) for row in work.execute(statement).mappings()}


def interfaces(work: Work) -> Json:
    """How many nodes there are by admission, how many are online, and their slots."""
    online = _interfaces.c.online.is_(True)
    statement = select(
        _interfaces.c.admission,
        func.count().label("number"),
        func.sum(case((online, 1), else_=0)).label("online"),
        func.sum(case((online, _interfaces.c.slots), else_=0)).label("slots"),
    ).group_by(_interfaces.c.admission)
    rows = list(work.execute(statement).mappings())
    return {
        "by_admission": {str(row["admission"]): int(row["number"]) for row in rows},
        "online": sum(int(row["online"] or 0) for row in rows),
        "slots": sum(int(row["slots"] or 0) for row in rows),
    }
