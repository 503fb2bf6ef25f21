"""What sockets are told, as texts: each is made once, whoever and however many are told it."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from coordinator.api import views_interfaces
from coordinator.api import views_tasks as views
from coordinator.api.live_reader import Thing
from coordinator.clock import rfc3339
from coordinator.domain.lifecycle import SLOT
from coordinator.errors import NotFound
from coordinator.services import looking, nodes
from coordinator.services.context import Context
from coordinator.services.looking import Picture
from coordinator.store import attempts, statistics, steps, tasks
from coordinator.store.tables import Events
from coordinator.store.work import Work
from protocol.live import FleetEvent, Hello, Ping, Pong, Resync, TaskEvent

REMOVED = "removed"
PING, PONG = Ping().model_dump_json(), Pong().model_dump_json()
QUEUE: Thing = ("queue", "")


class Told(NamedTuple):
    """An event as text, and whose it is."""

    seq: int
    user_id: str
    thing: Thing
    text: str


class Standing(NamedTuple):
    """How a task stands, as text, and whose it is."""

    user_id: str
    thing: Thing
    text: str


def hello(seq: int) -> str:
    """Everything after `seq` follows."""
    return Hello(seq=seq).model_dump_json()


def resync(seq: int, *, known: bool) -> str:
    """What is missing is not told. `known`: there was too much of it; otherwise nobody knows what it was."""
    return Resync(seq=seq, reason="too_old" if known else "unknown").model_dump_json()


def of_task(task_id: str) -> Thing:
    """What texts about a task are about."""
    return "task", task_id


def events(work: Work, here: Context, rows: Sequence[Events]) -> list[Told]:
    """The texts of events, each with its task as it is now; a task is read once for all of them. Not with its place in
    the queue: that is counted over all who wait, and every submission would count it again for each of its tasks."""
    now = here.clock()
    pictures = _pictures(work, dict.fromkeys(row.task_id for row in rows if row.task_id is not None))
    objects = {picture.task.id: views.task(picture, here.links, now) for picture in pictures}
    return [_told(row, row.task_id, objects.get(row.task_id)) for row in rows if row.task_id is not None]


def _told(row: Events, task_id: str, shown: dict[str, Any] | None) -> Told:
    at = rfc3339(row.at) or ""
    known = shown or {"id": task_id, "state": REMOVED}
    event = TaskEvent(seq=row.seq or 0, at=at, kind=row.kind, data=row.data, object=known)
    return Told(row.seq or 0, row.user_id or "", of_task(task_id), event.model_dump_json())


def numbers(work: Work, here: Context, task_ids: Collection[str]) -> list[Standing]:
    """How far tasks are; those that are gone have no numbers."""
    return [_standing(picture, here) for picture in _pictures(work, task_ids)]


def _pictures(work: Work, task_ids: Collection[str]) -> list[Picture]:
    return looking.many(work, [task for task_id in task_ids if (task := tasks.get(work, task_id)) is not None])


def _standing(picture: Picture, here: Context) -> Standing:
    now = here.clock()
    shown = views.task(picture, here.links, now)
    event = TaskEvent(seq=None, at=rfc3339(now) or "", kind="progress", data={}, object=shown)
    return Standing(picture.task.user_id, of_task(picture.task.id), event.model_dump_json())


def interface(work: Work, here: Context, interface_id: str) -> str:
    """A node as it is now."""
    try:
        shown = views_interfaces.interface(nodes.look(work, interface_id))
    except NotFound:
        shown = {"id": interface_id, "state": REMOVED}
    return FleetEvent(type="interface", at=rfc3339(here.clock()) or "", object=shown).model_dump_json()


def queue(work: Work, here: Context) -> str:
    """The counts of `stats` that change all the time."""
    counts = tasks.counts(work)
    shown = {
        "tasks": counts,
        "queue": {"waiting_tasks": counts.get("waiting", 0), "waiting_steps": steps.waiting_count(work)},
        "interfaces": {**statistics.interfaces(work), "busy_slots": attempts.count(work, SLOT)},
    }
    return FleetEvent(type="queue", at=rfc3339(here.clock()) or "", object=shown).model_dump_json()
