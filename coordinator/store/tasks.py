"""Statements on tasks. A task moves by `move`, whose row count is the verdict; `lock` comes first in every unit that
changes steps or attempts."""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, case, delete, func, insert, select, tuple_, union, update

from coordinator.domain.lifecycle import LIVE
from coordinator.store.schema import changing, constants, guarded, row_of, table
from coordinator.store.tables import Attempts, Steps, Tasks
from coordinator.store.work import Work
from protocol.states import AttemptState, StepState, TaskState

_tasks = table(Tasks)
_steps = table(Steps)
_attempts = table(Attempts)
_MINE = _tasks.c.id == bindparam("key")
_ADD = insert(_tasks)
_GET = select(_tasks).where(_MINE)
_LOCK = update(_tasks).where(_MINE).values(version=_tasks.c.version + 1)
_AHEAD = (_tasks.c.klass > bindparam("klass")) | (
    (_tasks.c.klass == bindparam("klass")) & (_tasks.c.priority > bindparam("priority"))
)
_BESIDE = (_tasks.c.klass == bindparam("klass")) & (_tasks.c.priority == bindparam("priority"))
_BEFORE = select(func.count()).where(
    _tasks.c.state == constants([TaskState.WAITING])[0],
    _AHEAD | (_BESIDE & (_tasks.c.submitted_at < bindparam("since"))),
)
_REACHED = (
    update(_tasks)
    .where(_MINE)
    .values(
        frames_done=bindparam("frames"),
        progress=case((_tasks.c.progress < bindparam("reached"), bindparam("reached")), else_=_tasks.c.progress),
    )
)


def add(work: Work, values: dict[str, Any]) -> Tasks:
    """Insert a task; columns that are left out take their defaults."""
    return work.added(_ADD, _GET, Tasks, row_of(Tasks, values))


def get(work: Work, task_id: str) -> Tasks | None:
    """One task, or None."""
    return work.row(_GET, Tasks, {"key": task_id})


def lock(work: Work, task_id: str) -> Tasks | None:
    """Lock the row until the commit and read it; None when there is no such task."""
    return work.locked(_LOCK, _GET, Tasks, {"key": task_id})


def move(work: Work, task_id: str, sources: Collection[TaskState], target: TaskState, **values: Any) -> bool:
    """The guarded move; False when the task is in none of `sources`."""
    return work.run(*guarded(_tasks, task_id, sources, {"state": str(target), **values})) == 1


def moved(work: Work, task_id: str, sources: Collection[TaskState], target: TaskState, **values: Any) -> Tasks | None:
    """`move`, and the row as it is then; None when the task is in none of `sources`."""
    statement, parameters = guarded(_tasks, task_id, sources, {"state": str(target), **values})
    return work.locked(statement, _GET, Tasks, parameters)


def change(work: Work, task_id: str, **values: Any) -> None:
    """Set columns other than the state."""
    work.run(*changing(_tasks, task_id, values))


def remove(work: Work, task_id: str) -> None:
    """Delete the row."""
    work.execute(delete(_tasks).where(_tasks.c.id == task_id))


def page(
    work: Work,
    *,
    user_id: str | None,
    states: Collection[str],
    query: str,
    before: tuple[float, str] | None,
    oldest_first: bool,
    limit: int,
) -> Sequence[Tasks]:
    """Tasks by time of making; `before` is the (created_at, id) that the last page ended with."""
    statement = _filtered(select(_tasks), user_id, states, query)
    key = tuple_(_tasks.c.created_at, _tasks.c.id)
    if before is not None:
        mark = tuple_(*before)
        statement = statement.where(key > mark if oldest_first else key < mark)
    order = (_tasks.c.created_at, _tasks.c.id) if oldest_first else (_tasks.c.created_at.desc(), _tasks.c.id.desc())
    return work.rows(statement.order_by(*order).limit(limit), Tasks)


def _filtered(statement: Select[Any], user_id: str | None, states: Collection[str], query: str) -> Select[Any]:
    if user_id is not None:
        statement = statement.where(_tasks.c.user_id == user_id)
    if states:
        statement = statement.where(_tasks.c.state.in_(list(states)))
    if query:
        statement = statement.where(_tasks.c.source_name.contains(query, autoescape=True))
    return statement


def of_batch(work: Work, batch_id: str) -> Sequence[Tasks]:
    """Tasks of one batch in the order in which they were asked for."""
    return work.rows(select(_tasks).where(_tasks.c.batch_id == batch_id).order_by(_tasks.c.id), Tasks)


def names(work: Work, task_ids: Collection[str]) -> dict[str, str]:
    """The names of the sources of these tasks, by the task's id."""
    if not task_ids:
        return {}
    found = work.execute(select(_tasks.c.id, _tasks.c.source_name).where(_tasks.c.id.in_(list(task_ids))))
    return {str(row["id"]): str(row["source_name"]) for row in found.mappings()}


def count(work: Work, states: Collection[TaskState], user_id: str | None = None) -> int:
    """How many tasks are in these states, of one user or of all."""
    return int(work.scalar(_count(frozenset(states), user_id is not None), {"user": user_id}))


@cache
def _count(states: frozenset[TaskState], of_user: bool) -> Select[Any]:
    statement = select(func.count()).where(_tasks.c.state.in_(constants(states)))
    return statement.where(_tasks.c.user_id == bindparam("user")) if of_user else statement


def counts(work: Work) -> dict[str, int]:
    """How many tasks are in each state."""
    rows = work.execute(select(_tasks.c.state, func.count().label("number")).group_by(_tasks.c.state))
    return {str(row["state"]): int(row["number"]) for row in rows.mappings()}


def begun(work: Work) -> Sequence[Tasks]:
    """Live tasks that ever began, or whose steps or attempts say more than that they wait."""
    live = _tasks.c.state.in_(constants(LIVE))
    accepted = _attempts.c.state.in_([AttemptState.RUNNING.value, AttemptState.REPORTED.value])
    touched = union(
        select(_attempts.c.task_id).where(accepted),
        select(_steps.c.task_id).where(_steps.c.state == StepState.DEAD.value),
    )
    begun = (_tasks.c.state == TaskState.PROCESSING.value) | _tasks.c.started_at.is_not(None)
    where = live & (begun | _tasks.c.id.in_(touched))
    return work.rows(select(_tasks).where(where).order_by(_tasks.c.id), Tasks)


def waiting_before(work: Work, task: Tasks) -> int:
    """How many waiting tasks were submitted before this one with at least its class and priority."""
    own = {"klass": task.klass, "priority": task.priority, "since": task.submitted_at}
    return int(work.scalar(_BEFORE, own))


def raise_progress(work: Work, task_id: str, frames_done: int, progress: float) -> None:
    """Write the truth about frames; the bar never falls."""
    work.run(_REACHED, {"key": task_id, "frames": frames_done, "reached": progress})
