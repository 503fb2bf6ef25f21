"""What the choice knows of the nodes: who could take work now or soon, what it runs and how fast."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from coordinator.domain import blame, fairness, placement
from coordinator.domain.lifecycle import SLOT
from coordinator.domain.placement import Node, Speed
from coordinator.store import attempts, fleet
from coordinator.store.attempts import Occupied
from coordinator.store.tables import InterfaceModels, Interfaces, Speeds
from coordinator.store.work import Work
from protocol.states import Admission, AttemptState, Lane

SOON_S = 1.0
"""A node that could be asked only for less than it has: it asks again in a moment."""
STOPPING_S = 3.0
POLL_S = 30.0
"""A poll lasts 25 s at most."""


@dataclass(frozen=True, slots=True)
class Polls:
    """Nodes of the pull lane that ask for work this moment; those in `light` have room for an `assemble` only, and
    those in `soon` are between two questions."""

    full: Collection[str] = frozenset()
    light: Collection[str] = frozenset()
    soon: Collection[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Fleet:
    """Nodes with what they hold. `nodes` lists those that could be reached, or that are busy and could be soon."""

    rows: dict[str, Interfaces]
    nodes: tuple[Node, ...]
    offered: Sequence[InterfaceModels]
    held: Sequence[Occupied]

    @property
    def free(self) -> set[str]:
        """Nodes with a free slot."""
        return {node.interface_id for node in self.nodes if 0.0 in node.ready}

    @property
    def light(self) -> bool:
        """Whether any light slot is free."""
        return any(node.light == 0.0 for node in self.nodes)

    @property
    def idle(self) -> bool:
        """Whether any node holds nothing."""
        return any(node.light == 0.0 and set(node.ready) == {0.0} for node in self.nodes)

    @property
    def models(self) -> list[str]:
        """What nodes with a free slot can run."""
        free = self.free
        return sorted({row.model for row in self.offered if row.interface_id in free})

    @property
    def all_models(self) -> list[str]:
        """What any node that could take work, now or soon, can run."""
        return sorted({row.model for row in self.offered})

    @property
    def capped(self) -> set[str]:
        """Users who hold as many slots as one may while others wait."""
        slots = sum(row.slots for row in self.rows.values())
        holding = Counter(held.user_id for held in self.held if held.state in SLOT and not held.light)
        return {user for user, number in holding.items() if number >= fairness.cap(slots)}

    @property
    def suspects(self) -> dict[str, str]:
        """By user: a suspect task of which an attempt lives. It runs one step at a time."""
        return {held.user_id: held.task_id for held in self.held if held.suspect}


def look(work: Work, polls: Polls) -> Fleet:
    """The fleet as it is now."""
    rows = {row.id: row for row in fleet.ready(work)}
    held = attempts.occupied(work) if rows else []
    nodes = (_node(work.now, row, [h for h in held if h.interface_id == row.id], polls) for row in rows.values())
    offered = fleet.models_of(work, rows) if rows else []
    return Fleet(rows, tuple(node for node in nodes if node is not None), offered, held)


def asking(work: Work, rows: Sequence[Interfaces], polls: Polls) -> Polls:
    """`polls` of this process, and nodes of the pull lane that were heard of so lately that they ask somebody."""
    lately = {row.id for row in rows if row.lane == Lane.PULL and work.now - (row.last_seen or 0.0) < POLL_S}
    return Polls({*polls.full, *(lately - set(polls.light))}, polls.light)


def _node(now: float, row: Interfaces, held: Sequence[Occupied], polls: Polls) -> Node | None:
    holding = [one for one in held if one.state in SLOT]
    heavy = sorted(seconds_left(now, one) for one in holding if not one.light)
    light = max((seconds_left(now, one) for one in holding if one.light), default=0.0)
    slots = 1 if row.admission == Admission.QUARANTINED else row.slots
    ready = [0.0] * max(0, slots - len(heavy)) + heavy
    alone = [seconds_left(now, one) for one in holding if blame.must_run_alone(one.losses)]
    if alone:
        ready, light = [max(*alone, *ready)] * slots, max(*alone, light)
    asks = row.id in polls.full or row.id in polls.light
    reachable = fleet.reachable(row, {row.id} if asks else ())
    if row.id in polls.soon and not reachable:
        ready, light = [max(SOON_S, at) for at in ready], max(SOON_S, light)
    elif not reachable:
        # what it holds will be free; what is free already cannot be had while nobody can reach it
        ready, light = [at for at in ready if at > 0.0], light or -1.0
    elif row.id in polls.light and row.id not in polls.full:
        ready = [max(SOON_S, at) for at in ready]
    if not ready and light < 0.0:
        return None
    return Node(row.id, tuple(ready), light if light >= 0.0 else None, row.disk_free_mb)


def seconds_left(now: float, held: Occupied) -> float:
    """Seconds that an attempt will go on holding its slot."""
    if held.state == AttemptState.STOPPING:
        return STOPPING_S
    elapsed, still = max(0.0, now - held.offered_at), max(0.0, now - held.progress_at)
    return placement.left(held.frames, held.frames_done, held.fps, held.estimate_s, elapsed, still)


def speeds(work: Work, known: Fleet, model: str, size_class: int) -> dict[str, Speed]:
    """How fast each node is with a model at a size: measured there, else at the nearest size, else as it says. One that
    says nothing counts as the fastest known, so that it is tried."""
    measured: dict[str, list[Speeds]] = {}
    for row in fleet.speeds_of(work, model):
        measured.setdefault(row.interface_id, []).append(row)
    found = {}
    fastest = max((row.fps for rows in measured.values() for row in rows), default=None)
    for offer in known.offered:
        if offer.model != model:
            continue
        rows = measured.get(offer.interface_id, [])
        nearest = min(rows, key=lambda row: abs(row.size_class - size_class), default=None)
        fps = nearest.fps if nearest is not None else offer.measured_fps or offer.speed_fps or fastest
        found[offer.interface_id] = Speed(offer.warm, fps)
    return found
