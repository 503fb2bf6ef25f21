"""The outbox of webhooks: a message is written with the move that it tells, and claimed by whoever delivers it.

Messages of one task go one after the other: while some are open, one is `waiting` and the others `queued`. Whoever adds
or ends one holds the task's lock, so that this stays true.
"""

from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import bindparam, delete, func, insert, select, update

from coordinator.clock import rfc3339
from coordinator.domain.news import WebhookDue
from coordinator.domain.webhooks import DAY_S, OPEN, OVER, TYPES, DeliveryState
from coordinator.ids import new_id
from coordinator.store.schema import Json, constants, row_of, table
from coordinator.store.tables import Tasks, WebhookDeliveries
from coordinator.store.work import Work

_tasks = table(Tasks)
_rows = table(WebhookDeliveries)
_URL = select(_tasks.c.webhook_url).where(_tasks.c.id == bindparam("key"))
_TASK = select(_tasks).where(_tasks.c.id == bindparam("key"))
_ADD = insert(_rows)
_GET = select(_rows).where(_rows.c.id == bindparam("key"))
_OPEN = (
    select(_rows).where(_rows.c.task_id == bindparam("key"), _rows.c.state.in_(constants(OPEN))).order_by(_rows.c.seq)
)
_IS_WAITING = _rows.c.state == constants([DeliveryState.WAITING])[0]
_LATER = select(func.min(_rows.c.next_at)).where(_IS_WAITING, _rows.c.next_at > bindparam("now"))
_HELD = select(func.min(_rows.c.lease_until)).where(
    _IS_WAITING, _rows.c.next_at <= bindparam("now"), _rows.c.lease_until > bindparam("now")
)
_CLAIM = (
    update(_rows)
    .where(
        _rows.c.id == bindparam("key"),
        _IS_WAITING,
        _rows.c.next_at <= bindparam("now"),
        _rows.c.lease_until <= bindparam("now"),
    )
    .values(holder=bindparam("me"), lease_until=bindparam("until"), tries=_rows.c.tries + 1)
)
_TIMES = ("created_at", "submitted_at", "started_at", "finished_at")


def note(work: Work, seq: int, event: str, task_id: str) -> None:
    """Write the message of an event, where receivers are told of it and the task has an address. The task is locked,
    or new."""
    kind = TYPES.get(event)
    url = work.scalar(_URL, {"key": task_id}) if kind is not None else None
    task = work.row(_TASK, Tasks, {"key": task_id}) if url else None
    if task is None:
        return
    row = {
        "id": f"msg_{new_id()}",
        "seq": seq,
        "user_id": task.user_id,
        "task_id": task.id,
        "kind": kind,
        "url": url,
        "host": urlsplit(str(url)).netloc[:300],
        "state": str(DeliveryState.QUEUED if _open(work, task_id) else DeliveryState.WAITING),
        "data": _picture(task),
        "at": work.now,
        "next_at": work.now,
        "gives_up_at": work.now + DAY_S,
    }
    work.run(_ADD, row_of(WebhookDeliveries, row))
    work.announce(WebhookDue())


def _picture(task: Tasks) -> Json:
    return {
        "task_id": task.id,
        "state": task.state,
        "kind": task.kind,
        "batch_id": task.batch_id,
        "progress": round(task.progress, 2),
        **{name: rfc3339(getattr(task, name)) for name in _TIMES},
        "error": {"code": task.error["code"]} if task.error else None,
    }


def _open(work: Work, task_id: str) -> Sequence[WebhookDeliveries]:
    return work.rows(_OPEN, WebhookDeliveries, {"key": task_id})


def get(work: Work, delivery_id: str) -> WebhookDeliveries | None:
    """One delivery, or None."""
    return work.row(_GET, WebhookDeliveries, {"key": delivery_id})


def due(
    work: Work, *, without_users: Collection[str], without_hosts: Collection[str], limit: int
) -> Sequence[WebhookDeliveries]:
    """What may be sent now and nobody holds, the longest due first."""
    now = work.now
    statement = select(_rows).where(_IS_WAITING, _rows.c.next_at <= now, _rows.c.lease_until <= now)
    if without_users:
        statement = statement.where(_rows.c.user_id.not_in(sorted(without_users)))
    if without_hosts:
        statement = statement.where(_rows.c.host.not_in(sorted(without_hosts)))
    return work.rows(statement.order_by(_rows.c.next_at).limit(limit), WebhookDeliveries)


def next_in_s(work: Work) -> float | None:
    """Seconds until another message is due or a claim ends; None when nothing waits for its time."""
    now = work.now
    found = [work.scalar(statement, {"now": now}) for statement in (_LATER, _HELD)]
    return min((float(at) - now for at in found if at is not None), default=None)


def claim(work: Work, delivery_id: str, holder: str, lease_s: float) -> WebhookDeliveries | None:
    """Take a due message for `lease_s` and count the try; None when somebody else was faster."""
    values = {"key": delivery_id, "me": holder, "now": work.now, "until": work.now + lease_s}
    return get(work, delivery_id) if work.run(_CLAIM, values) else None


def conclude(work: Work, claimed: WebhookDeliveries, **values: Any) -> bool:
    """Write what a try brought and let go; False when the claim was lost meanwhile. `values` may carry the state."""
    mine = (_rows.c.id == claimed.id) & _IS_WAITING & (_rows.c.holder == claimed.holder)
    given = {**values, "holder": None, "lease_until": 0.0}
    return work.changed(update(_rows).where(mine, _rows.c.tries == claimed.tries).values(**given)) == 1


def advance(work: Work, task_id: str) -> None:
    """Let the first of the queued messages of a task wait for its delivery, when none does. The task is locked."""
    left = _open(work, task_id)
    if left and all(row.state == DeliveryState.QUEUED for row in left):
        first = (_rows.c.id == left[0].id) & (_rows.c.state == DeliveryState.QUEUED.value)
        work.changed(update(_rows).where(first).values(state=DeliveryState.WAITING.value, next_at=work.now))
        work.announce(WebhookDue())


def drop(work: Work, task_id: str, url: str) -> None:
    """The receiver wants to hear no more of this task. The task is locked."""
    open_ = _rows.c.state.in_(constants(OPEN))
    to_it = (_rows.c.task_id == task_id) & (_rows.c.url == url)
    values: Json = {"state": DeliveryState.DROPPED.value, "ended_at": work.now, "holder": None, "lease_until": 0.0}
    work.changed(update(_rows).where(to_it, open_).values(**values))
    task = (_tasks.c.id == task_id) & (_tasks.c.webhook_url == url)
    work.changed(update(_tasks).where(task).values(webhook_url=None))


def hasten(work: Work, delivery_id: str) -> None:
    """Try a waiting message at once."""
    waiting = (_rows.c.id == delivery_id) & _IS_WAITING
    work.changed(update(_rows).where(waiting).values(next_at=work.now))
    work.announce(WebhookDue())


def revive(work: Work, row: WebhookDeliveries) -> None:
    """Open an ended message again, for another day: behind the one of its task that waits, and before what is queued
    and newer, because queued ones go in the task's order. The task is locked."""
    state = DeliveryState.QUEUED if _open(work, row.task_id) else DeliveryState.WAITING
    ended = (_rows.c.id == row.id) & _rows.c.state.in_(constants(OVER))
    values: Json = {"state": state.value, "tries": 0, "next_at": work.now, "gives_up_at": work.now + DAY_S}
    work.changed(update(_rows).where(ended).values(**values, ended_at=None))
    work.announce(WebhookDue())


def release(work: Work, holder: str | None = None) -> None:
    """Let go of what `holder` has claimed and not concluded; of everything, where there is one process only."""
    held = _rows.c.holder.is_not(None) if holder is None else _rows.c.holder == holder
    work.changed(update(_rows).where(held).values(holder=None, lease_until=0.0))


def page(
    work: Work, user_id: str, *, task_id: str, states: Collection[str], before: int | None, limit: int
) -> Sequence[WebhookDeliveries]:
    """Messages of one account, newest first, those before a sequence number; `task_id` "" and no states are all."""
    statement = select(_rows).where(_rows.c.user_id == user_id).order_by(_rows.c.seq.desc()).limit(limit)
    if task_id:
        statement = statement.where(_rows.c.task_id == task_id)
    if states:
        statement = statement.where(_rows.c.state.in_(sorted(states)))
    if before is not None:
        statement = statement.where(_rows.c.seq < before)
    return work.rows(statement, WebhookDeliveries)


def backlog(work: Work) -> dict[str, int]:
    """How many messages are queued and waiting."""
    found = work.execute(
        select(_rows.c.state, func.count().label("number"))
        .where(_rows.c.state.in_(constants(OPEN)))
        .group_by(_rows.c.state)
    )
    counts = {str(row["state"]): int(row["number"]) for row in found.mappings()}
    return {str(state): counts.get(state, 0) for state in sorted(OPEN)}


def forget(work: Work, states: Collection[DeliveryState], before: float) -> int:
    """Delete messages that ended in one of these states before a time; how many."""
    old = (_rows.c.ended_at < before) & _rows.c.state.in_(constants(states))
    return work.changed(delete(_rows).where(old))
