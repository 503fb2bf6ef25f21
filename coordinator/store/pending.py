"""Waiting tasks with the names of their owners, as the page of the queue shows them."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, cast

from sqlalchemy import Select, select

from coordinator.store.schema import table
from coordinator.store.tables import Tasks, Users
from coordinator.store.work import Work
from protocol.states import TaskState

_tasks, _users = table(Tasks), table(Users)
_WAITING = (
    select(_tasks, _users.c.username.label("owner"))
    .join(_users, _users.c.id == _tasks.c.user_id)
    .where(_tasks.c.state == TaskState.WAITING.value)
)


class Owned(NamedTuple):
    """A task and its owner's name."""

    task: Tasks
    owner: str


def among(work: Work, task_ids: Collection[str]) -> Sequence[Owned]:
    """Those of these tasks that wait."""
    return _owned(work, _WAITING.where(_tasks.c.id.in_(list(task_ids)))) if task_ids else ()


def oldest(work: Work, limit: int) -> Sequence[Owned]:
    """Waiting tasks by class, priority and age."""
    order = (_tasks.c.klass.desc(), _tasks.c.priority.desc(), _tasks.c.submitted_at, _tasks.c.id)
    return _owned(work, _WAITING.order_by(*order).limit(limit))


def _owned(work: Work, statement: Select[Any]) -> list[Owned]:
    return [Owned(cast("Tasks", row), str(row.owner)) for row in work.execute(statement).all()]
