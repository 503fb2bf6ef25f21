"""Waiting tasks with the names of their owners, as the page of the queue shows them."""

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import Integer, Select, bindparam, false, select

from coordinator.store.schema import constants, table
from coordinator.store.tables import Steps, Tasks, Users, Waits
from coordinator.store.waits import LIGHT
from coordinator.store.work import Work
from protocol.states import StepState, TaskState

_tasks, _users = table(Tasks), table(Users)
_steps, _waits = table(Steps), table(Waits)
_WAITING = (
    select(_tasks, _users.c.username.label("owner"))
    .join(_users, _users.c.id == _tasks.c.user_id)
    .where(_tasks.c.state == TaskState.WAITING.value)
)


HEADS: Final = 1000
"""Accounts and models that one page looks at."""
LOOK: Final = 20_000
"""Steps that it looks at in all."""
STEPS_OF_A_TASK: Final = 5
"""So many are looked at of one account for each task that is asked for: one with long videos shows fewer of them."""
_HEADS = (
    select(_waits)
    .where(_waits.c.rank != LIGHT)
    .order_by(_waits.c.rank, _waits.c.score, _waits.c.since, _waits.c.user_id, _waits.c.model)
    .limit(bindparam("most", type_=Integer()))
)
_STEPS = (
    select(_steps.c.task_id)
    .where(
        _steps.c.state == constants([StepState.PENDING])[0],
        _steps.c.held == false(),  # MariaDB uses no index for IS
        _steps.c.user_id == bindparam("user"),
        _steps.c.queue_rank == 1,
        _steps.c.model == bindparam("of_model"),
        _steps.c.klass == bindparam("of_klass"),
    )
    .order_by(_steps.c.queue_rank, _steps.c.model, _steps.c.klass, _steps.c.lag, _steps.c.queued_at, _steps.c.ord)
    .limit(bindparam("most", type_=Integer()))
)


class Owned(NamedTuple):
    """A task and its owner's name."""

    task: Tasks
    owner: str


def among(work: Work, task_ids: Collection[str]) -> Sequence[Owned]:
    """Those of these tasks that wait."""
    return _owned(work, _WAITING.where(_tasks.c.id.in_(list(task_ids)))) if task_ids else ()


def behind(work: Work, limit: int) -> list[str]:
    """Tasks whose steps wait, whether or not they can be tried now, by class, account, own priority and age.

    Read from the heads of the queue and no further than is asked for: to sort all who wait would take a second for each
    million of them.
    """
    found: dict[str, None] = {}
    left = LOOK
    for head in work.rows(_HEADS, Waits, {"most": HEADS}):
        key = {"user": head.user_id, "of_model": head.model, "of_klass": -head.rank}
        steps = work.rows(_STEPS, Steps, {**key, "most": min(left, STEPS_OF_A_TASK * limit)})
        found.update((step.task_id, None) for step in steps)
        left -= len(steps)
        if len(found) >= limit or not left:
            break
    return list(found)[:limit]


def _owned(work: Work, statement: Select[Any]) -> list[Owned]:
    return [Owned(cast("Tasks", row), str(row.owner)) for row in work.execute(statement).all()]
