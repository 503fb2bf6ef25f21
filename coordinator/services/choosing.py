"""The next step to start and where: the queue in its order, walked through until a free node is the best for a step.

Order: `assemble`, then class, then the user with the least use, then the user's own priority, then age. A user who
holds as many slots as one may goes behind the others of the class. Nothing that no free node may take stands in the way
of what comes behind it; `LOOK` and `LOOK_OF_ONE` only bound what one choice may cost.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from coordinator.domain import blame, placement, trust
from coordinator.domain.placement import Need, Speed, Want
from coordinator.services import candidates
from coordinator.services.candidates import Fleet
from coordinator.store import attempts, waits
from coordinator.store.tables import Attempts, Steps, Waits
from coordinator.store.waits import LIGHT, Waiting
from coordinator.store.work import Work
from protocol.states import AttemptState, StepKind

LOOK: Final = 4000
"""Steps that one choice looks at."""
LOOK_OF_ONE: Final = 500
"""Steps of one user that one choice looks at."""
HEADS: Final = 16
NO_BOUND: Final = 2**31 - 1
FIRST_PAGE: Final = 4
PAGE: Final = 64


class Choice(NamedTuple):
    """Start this step on this node; it is expected to take `seconds`. `again`: there was more than one free slot;
    `race`: another node is at it; `emptied`: the head of the queue behind which nothing else was seen."""

    step_id: str
    task_id: str
    interface_id: str
    seconds: float
    again: bool
    race: bool = False
    emptied: Waits | None = None


def choose(work: Work, known: Fleet) -> Choice | None:
    """What to start now; None when nothing fits. Forgets heads of the queue that it finds empty."""
    if not known.free and not known.light:
        return None
    models = ([""] if known.light else []) + known.models
    asked = Asking(work, known)
    found = placement.match(known.nodes, asked.wants(models))
    for head in asked.empty:
        waits.look_again(work, head)
    if found is None:
        return None
    step = asked.steps[found.want.step_id]
    again = asked.more and (found.want.need.light or sum(node.ready.count(0.0) for node in known.nodes) > 1)
    emptied = asked.only_head if not asked.more else None
    return Choice(step.id, step.task_id, found.interface_id, found.seconds, again, emptied=emptied)


class Asking:
    """One walk through the queue; it only reads. `steps` are those that were come by, `empty` the heads without any.

    `more` says whether anything but the first step may wait.
    """

    def __init__(self, work: Work, known: Fleet) -> None:
        self.steps: dict[str, Waiting] = {}
        self.empty: list[Waits] = []
        self.more = False
        self.only_head: Waits | None = None
        self._known_heads = 0
        self._work = work
        self._known = known
        self._speeds: dict[tuple[str, int], dict[str, Speed]] = {}

    def wants(self, models: Sequence[str]) -> Iterator[Want]:
        """Waiting steps for these models ("" is the light slot), in the order of the queue."""
        queues = [self._heads(model) for model in models]
        for step in islice(self._of_heads(heapq.merge(*queues, key=_place)), LOOK):
            self.steps[step.id] = step
            yield self.want(step)

    def _heads(self, model: str) -> Iterator[Waits]:
        """Who waits for a model, a few at a time."""
        last: Waits | None = None
        limit = 2
        while True:
            page = waits.heads(self._work, model, last, limit)
            self._known_heads += len(page)
            self.more = self.more or self._known_heads > 1
            self.only_head = page[0] if page and self._known_heads == 1 else self.only_head
            yield from page
            if len(page) < limit:
                return
            last, limit = page[-1], HEADS

    def _of_heads(self, heads: Iterable[Waits]) -> Iterator[Waiting]:
        losses_below = NO_BOUND if self._known.idle else blame.ALONE_AFTER_LOSSES
        suspects = self._known.suspects
        for head in fair(heads, self._known.capped):
            but, seen = suspects.get(head.user_id, ""), 0
            while seen < LOOK_OF_ONE:
                limit = PAGE if seen else FIRST_PAGE
                page = waits.steps_of(self._work, head, losses_below, but, seen, limit)
                self.more = self.more or len(page) > 1
                yield from page
                seen += len(page)
                if len(page) < limit:
                    break
            if not seen:
                self.empty.append(head)

    def want(self, step: Waiting | Steps) -> Want:
        """A step as placement sees it."""
        past = since_queued(self._work, step) if step.tries else []
        refused, tried = refusers(past), failers(past)
        if step.kind == StepKind.ASSEMBLE:
            return self._assemble(step, refused, tried)
        key = (step.model, step.size_class)
        if key not in self._speeds:
            self._speeds[key] = candidates.speeds(self._work, self._known, *key)
        able = {name: speed for name, speed in self._speeds[key].items() if name not in refused}
        disk_mb, alone = trust.learnt_mb(step.disk_mb, was_full(past)), blame.must_run_alone(step.losses)
        return Want(step.id, Need(step.frames, step.source_mb, disk_mb, alone), able, tried)

    def _assemble(self, step: Waiting | Steps, refused: set[str], tried: set[str]) -> Want:
        """Any node can join; one that made the parts need not fetch them."""
        here = {row.interface_id: float(row.size) / 1e6 for row in attempts.parts_on(self._work, step.task_id)}
        able = {name: Speed(True, None) for name in self._known.rows if name not in refused}
        need = Need(0, sum(here.values()), step.disk_mb, blame.must_run_alone(step.losses), light=True)
        return Want(step.id, need, able, tried, here)


def _place(head: Waits) -> tuple[int, float, float]:
    return (head.rank, head.score, head.since)


def fair(heads: Iterable[Waits], capped: set[str]) -> Iterator[Waits]:
    """Users who are at their cap behind the others of their class; `assemble` has no cap."""
    late: list[Waits] = []
    for head in heads:
        if late and head.rank != late[0].rank:
            yield from late
            late = []
        if head.user_id in capped and head.rank != LIGHT:
            late.append(head)
        else:
            yield head
    yield from late


def since_queued(work: Work, step: Waiting | Steps) -> list[Attempts]:
    """Attempts since submit or retry: a retry gives every node another chance."""
    return [attempt for attempt in attempts.of_step(work, step.id) if attempt.offered_at >= step.queued_at]


def refusers(past: Iterable[Attempts]) -> set[str]:
    """Nodes that said that they cannot."""
    return {attempt.interface_id for attempt in past if attempt.state == AttemptState.REJECTED and attempt.error}


def failers(past: Iterable[Attempts]) -> set[str]:
    """Nodes that had their turn, whether or not the step paid for it."""
    return {attempt.interface_id for attempt in past if attempt.state in (AttemptState.FAILED, AttemptState.LOST)}


def was_full(past: Iterable[Attempts]) -> list[int]:
    """What was free, in MB, on disks that were too small for the step."""
    full = (attempt for attempt in past if (attempt.error or {}).get("code") == trust.DISK_FULL)
    return [attempt.disk_free_mb for attempt in full if attempt.disk_free_mb is not None]
