"""The events table: moves in order, what sockets replay and the event log of a task shows."""

from collections.abc import Sequence

from sqlalchemy import func, insert, select

from coordinator.domain.news import TaskChanged
from coordinator.store import webhooks
from coordinator.store.schema import Json, table
from coordinator.store.tables import Events
from coordinator.store.work import Work
from protocol.base import TaskId, UserId

_events = table(Events)
_ADD = insert(_events)


def record(work: Work, kind: str, task_id: str, user_id: str, **data: object) -> None:
    """Write an event of a task, and the message of its webhook, and announce it."""
    row: Json = {
        "at": work.now,
        "kind": kind,
        "task_id": task_id,
        "user_id": user_id,
        "interface_id": None,
        "data": data,
    }
    seq = work.insert(_ADD, "seq", row)
    work.announce(TaskChanged(TaskId(task_id), UserId(user_id), seq))
    webhooks.note(work, seq, kind, task_id)


def of_task(work: Work, task_id: str, after: int, limit: int) -> Sequence[Events]:
    """Events of one task after `after`, oldest first."""
    where = (_events.c.task_id == task_id) & (_events.c.seq > after)
    return work.rows(select(_events).where(where).order_by(_events.c.seq).limit(limit), Events)


def since(work: Work, after: int, user_id: str | None, limit: int) -> Sequence[Events]:
    """Events that a user may see after `after`, oldest first; `user_id` None sees all."""
    statement = select(_events).where(_events.c.seq > after, _events.c.task_id.is_not(None))
    if user_id is not None:
        statement = statement.where(_events.c.user_id == user_id)
    return work.rows(statement.order_by(_events.c.seq).limit(limit), Events)


def newest(work: Work) -> int:
    """The highest sequence number; 0 when nothing ever happened."""
    return int(work.scalar(select(func.max(_events.c.seq))) or 0)
