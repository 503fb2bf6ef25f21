"""How tasks and attempts ended: counted by the minute and by the code of what went wrong, and listed by node."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from typing import cast as type_cast

from sqlalchemy import ColumnElement, String, Subquery, Table, case, cast, func, null, select

from coordinator.store.schema import table
from coordinator.store.tables import Attempts, Interfaces, Steps, Tasks, Users
from coordinator.store.work import Work
from protocol.states import AttemptState, TaskState

_tasks, _attempts, _steps = table(Tasks), table(Attempts), table(Steps)
_interfaces, _users = table(Interfaces), table(Users)
_NOBODY = cast(null(), String(32))
FAILED_ATTEMPTS = (AttemptState.FAILED.value, AttemptState.LOST.value)


class Minute(NamedTuple):
    """What ended in one minute: tasks by state, frames of completed attempts, attempts that did and did not work."""

    completed: int
    failed: int
    cancelled: int
    frames: int
    attempts_done: int
    attempts_failed: int


class Failure(NamedTuple):
    """One code: how often since then, in how many tasks and on how many nodes, and when last."""

    code: str
    number: int
    tasks: int
    nodes: int
    last_at: float


class Tried(NamedTuple):
    """One attempt of a node with the task that it was for; the task may be gone."""

    attempt: Attempts
    task_name: str | None
    owner: str | None
    kind: str | None
    ord: int | None
    frames: int | None


def between(work: Work, begin: float, end: float) -> Minute:
    """What ended from `begin` on and before `end`."""

    ended = (_tasks.c.finished_at >= begin) & (_tasks.c.finished_at < end)
    states = (TaskState.COMPLETED, TaskState.FAILED, TaskState.CANCELLED)
    of_tasks = _counted(work, {str(state): _sum(_tasks.c.state == state.value) for state in states}, ended)
    done = _attempts.c.state == AttemptState.COMPLETED.value
    sums = {
        "frames": _sum(done, _attempts.c.frames_done),
        "attempts_done": _sum(done),
        "attempts_failed": _sum(_attempts.c.state.in_(FAILED_ATTEMPTS)),
    }
    of_attempts = _counted(work, sums, (_attempts.c.ended_at >= begin) & (_attempts.c.ended_at < end))
    return Minute(**of_tasks, **of_attempts)


def _sum(where: ColumnElement[bool], what: ColumnElement[int] | int = 1) -> ColumnElement[Any]:
    return func.sum(case((where, what), else_=0))


def _counted(work: Work, sums: dict[str, ColumnElement[Any]], where: ColumnElement[bool]) -> dict[str, int]:
    row = work.execute(select(*(one.label(name) for name, one in sums.items())).where(where)).mappings().one()
    return {name: int(row[name] or 0) for name in sums}


def failed_attempts(work: Work, since: float) -> Sequence[Failure]:
    """Attempts that failed or were lost since then, by code, the most frequent first."""
    where = (_attempts.c.ended_at >= since) & _attempts.c.state.in_(FAILED_ATTEMPTS)
    code = func.coalesce(_code(_attempts), _attempts.c.state).label("code")
    found = select(
        code, _attempts.c.task_id, _attempts.c.interface_id.label("node"), _attempts.c.ended_at.label("at")
    ).where(where)
    return _by_code(work, found.subquery())


def failed_tasks(work: Work, since: float) -> Sequence[Failure]:
    """Tasks that failed since then, by the code of their error; `nodes` is 0."""
    where = (_tasks.c.finished_at >= since) & (_tasks.c.state == TaskState.FAILED.value)
    code = func.coalesce(_code(_tasks), "unknown").label("code")
    found = select(code, _tasks.c.id.label("task_id"), _NOBODY.label("node"), _tasks.c.finished_at.label("at"))
    return _by_code(work, found.where(where).subquery())


def _code(of: Table) -> ColumnElement[str]:
    code: ColumnElement[str] = of.c.error["code"].as_string()
    return code


def _by_code(work: Work, found: Subquery) -> list[Failure]:
    number = func.count().label("number")
    statement = select(
        found.c.code,
        number,
        func.count(func.distinct(found.c.task_id)).label("tasks"),
        func.count(func.distinct(found.c.node)).label("nodes"),
        func.max(found.c.at).label("last_at"),
    )
    rows = work.execute(statement.group_by(found.c.code).order_by(number.desc(), found.c.code)).mappings()
    return [
        Failure(str(row["code"]), int(row["number"]), int(row["tasks"]), int(row["nodes"]), float(row["last_at"]))
        for row in rows
    ]


def of_node(work: Work, interface_id: str, before: str | None, limit: int) -> Sequence[Tried]:
    """What a node was given, newest first, those older than the attempt `before`."""
    joined = (
        _attempts.outerjoin(_tasks, _tasks.c.id == _attempts.c.task_id)
        .outerjoin(_users, _users.c.id == _tasks.c.user_id)
        .outerjoin(_steps, _steps.c.id == _attempts.c.step_id)
    )
    beside = (_tasks.c.source_name, _users.c.username, _steps.c.kind, _steps.c.ord, _steps.c.frames)
    statement = select(_attempts, *(column.label(f"of_{at}") for at, column in enumerate(beside))).select_from(joined)
    statement = statement.where(_attempts.c.interface_id == interface_id)
    if before is not None:
        statement = statement.where(_attempts.c.id < before)
    rows: Sequence[Any] = work.execute(statement.order_by(_attempts.c.id.desc()).limit(limit)).all()
    return [Tried(type_cast("Attempts", row), row.of_0, row.of_1, row.of_2, row.of_3, row.of_4) for row in rows]
