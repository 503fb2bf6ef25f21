"""The events table: moves, as the event log of a task shows them. `store.history` reads them for sockets."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, delete, exists, insert, select

from coordinator.domain.news import TaskChanged
from coordinator.store import facts, history, webhooks
from coordinator.store.schema import Json, table
from coordinator.store.tables import Events, Tasks
from coordinator.store.work import Work
from protocol.base import TaskId, UserId

_events, _tasks = table(Events), table(Tasks)
_ADD = insert(_events)
_FIRST = select(_events.c.seq).where(_events.c.at >= bindparam("since")).order_by(_events.c.seq).limit(1)
FORGOTTEN: Final = "events_forgotten"


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


def forget(work: Work, before: float, limit: int) -> int:
    """Delete events older than that whose tasks are gone, the oldest `limit` of them; how many.

    The newest event always stays: SQLite would give its number to the next one, which nobody would be told then.
    """
    upto = work.scalar(_FIRST, {"since": before}) or history.newest(work)
    orphan = ~exists().where(_tasks.c.id == _events.c.task_id)
    found = work.scalars(select(_events.c.seq).where(_events.c.seq < upto, orphan).order_by(_events.c.seq).limit(limit))
    if found:
        work.execute(delete(_events).where(_events.c.seq.in_(found)))
        facts.put(work, FORGOTTEN, {"upto": max(found[-1], forgotten(work))})
    return len(found)


def forgotten(work: Work) -> int:
    """Up to this number events may be missing; 0 when none ever was deleted."""
    known = facts.get(work, FORGOTTEN)
    return 0 if known is None else int(known["upto"])
