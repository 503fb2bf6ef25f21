"""The events table: moves, as the event log of a task shows them. `store.history` reads them for sockets."""

from collections.abc import Sequence

from sqlalchemy import insert, select

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
