"""The queue as the dispatcher would serve it: every waiting task once, in the order in which its first step begins.

The walk is the choice's own (`choosing.Asking`, `placement.plan`); nothing is written.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from coordinator.domain import placement
from coordinator.domain.placement import Placed
from coordinator.services import candidates
from coordinator.services.candidates import Fleet, Polls
from coordinator.services.choosing import Asking
from coordinator.store import interfaces, pending, tasks
from coordinator.store.pending import Owned
from coordinator.store.tables import Tasks
from coordinator.store.work import Work
from protocol.states import TaskState

NODES: Final = 500
LOOK: Final = 4
"""So many times the asked tasks are walked by, because some of them have begun and wait no more."""


class Why(StrEnum):
    """Why a task waits, in one word; `GET tasks/{id}/explain` says it for each node."""

    STARTING = "starting"
    NODES_BUSY = "nodes_busy"
    NO_NODES = "no_nodes"
    NO_MODEL = "no_model"
    LATER = "later"


class Place(NamedTuple):
    """A waiting task: when its first step would begin (seconds from now) and on which node; None where nobody knows."""

    task: Tasks
    owner: str
    why: Why
    begins_s: float | None
    node: str | None
    steps: int


class Queue(NamedTuple):
    """The first places, and how many tasks wait in all."""

    places: Sequence[Place]
    waiting: int


def queue(work: Work, polls: Polls, limit: int) -> Queue:
    """The first `limit` waiting tasks in the order in which they will be served; those that no node could be found
    for come last, in the order of class, priority and age."""
    everybody = interfaces.listed(work, None, None, NODES)
    known = candidates.look(work, candidates.asking(work, everybody, polls))
    asked = Asking(work, known)
    first: dict[str, Placed] = {}
    counted: dict[str, int] = {}
    for placed in placement.plan(known.nodes, asked.wants(["", *known.all_models])):
        task_id = asked.steps[placed.want.step_id].task_id
        first.setdefault(task_id, placed)
        counted[task_id] = counted.get(task_id, 0) + 1
        if len(first) > LOOK * limit:
            break
    names = {row.id: row.name for row in everybody}
    by_id = {one.task.id: one for one in pending.among(work, list(first))}
    order = [task_id for task_id in first if task_id in by_id]
    if len(order) < limit:
        others = [task_id for task_id in pending.behind(work, limit + len(first)) if task_id not in first]
        by_id |= {one.task.id: one for one in pending.among(work, others)}
        order += [task_id for task_id in others if task_id in by_id]
    places = [
        _place(by_id[task_id], known, first.get(task_id), counted.get(task_id, 0), names) for task_id in order[:limit]
    ]
    return Queue(places, tasks.count(work, [TaskState.WAITING]))


def _place(one: Owned, known: Fleet, first: Placed | None, steps: int, names: Mapping[str, str]) -> Place:
    if first is not None:
        why = Why.STARTING if first.begins == 0.0 else Why.NODES_BUSY
        return Place(one.task, one.owner, why, first.begins, names.get(first.interface_id), steps)
    able = Why.LATER if one.task.model in known.all_models else Why.NO_MODEL
    return Place(one.task, one.owner, able if known.nodes else Why.NO_NODES, None, None, steps)
