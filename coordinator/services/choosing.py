"""The next step to start and where: the queue in its order, walked through until a free node is the best for a step.

Order: `assemble`, then class, then the user with the least use, then the user's own priority, then age. A user who
holds as many slots as one may goes behind the others of the class. Nothing that no free node may take stands in the way
of what comes behind it; `LOOK` and `LOOK_OF_ONE` only bound what one choice may cost.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Final, NamedTuple

from coordinator.domain import blame, placement, trust
from coordinator.domain.placement import Speed, Want
from coordinator.services import candidates
from coordinator.services.candidates import Fleet, Polls
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
FIRST_PAGE: Final = 4
PAGE: Final = 64


class Choice(NamedTuple):
    """Start this step on this node; it is expected to take `seconds`. `again`: there was more than one free slot."""

    step_id: str
    task_id: str
    interface_id: str
    seconds: float
    again: bool


def choose(work: Work, polls: Polls) -> Choice | None:
    """What to start now; None when nothing fits. Forgets heads of the queue that it finds empty."""
    known = candidates.look(work, polls)
    if not known.free and not known.light:
        return None
    tasks: dict[str, str] = {}
    found = placement.match(known.nodes, _wants(work, known, tasks))
    if found is None:
        return None
    step_id = found.want.step_id
    again = found.want.need.light or sum(node.ready.count(0.0) for node in known.nodes) > 1
    return Choice(step_id, tasks[step_id], found.interface_id, found.seconds, again)


def _wants(work: Work, known: Fleet, tasks: dict[str, str]) -> Iterator[Want]:
    """Waiting steps in the order of the queue; `tasks` learns whose each is."""
    speeds: dict[tuple[str, int], dict[str, Speed]] = {}
    for step in islice(_steps(work, known), LOOK):
        tasks[step.id] = step.task_id
        yield want(work, known, step, speeds)


def _steps(work: Work, known: Fleet) -> Iterator[Waiting]:
    models = ([""] if known.light else []) + known.models
    queues = [_heads(work, model) for model in models]
    losses_below = 2**31 - 1 if known.idle else blame.ALONE_AFTER_LOSSES
    suspects = known.suspects
    for head in fair(heapq.merge(*queues, key=_place), known.capped):
        but = suspects.get(head.user_id, "")
        seen = 0
        while seen < LOOK_OF_ONE:
            limit = PAGE if seen else FIRST_PAGE
            page = waits.steps_of(work, head, losses_below, but, seen, limit)
            if not page and not seen:
                waits.look_again(work, head)
            yield from page
            seen += len(page)
            if len(page) < limit:
                break


def _place(head: Waits) -> tuple[int, float, float]:
    return (head.rank, head.score, head.since)


def _heads(work: Work, model: str) -> Iterator[Waits]:
    """Who waits for a model, a few at a time."""
    last: Waits | None = None
    limit = 1
    while True:
        page = waits.heads(work, model, last, limit)
        yield from page
        if len(page) < limit:
            return
        last, limit = page[-1], HEADS


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


def want(work: Work, known: Fleet, step: Waiting, speeds: dict[tuple[str, int], dict[str, Speed]]) -> Want:
    """A step as placement sees it; `speeds` remembers what was looked up."""
    past = since_queued(work, step) if step.tries else []
    refused, tried = refusers(past), failers(past)
    if step.kind == StepKind.ASSEMBLE:
        return _assemble(work, known, step, refused, tried)
    key = (step.model, step.size_class)
    if key not in speeds:
        speeds[key] = candidates.speeds(work, known, *key)
    able = {name: speed for name, speed in speeds[key].items() if name not in refused}
    need = candidates.need(step)
    return Want(step.id, replace(need, disk_mb=trust.learnt_mb(need.disk_mb, was_full(past))), able, tried)


def _assemble(work: Work, known: Fleet, step: Waiting, refused: set[str], tried: set[str]) -> Want:
    """Any node can join; one that made the parts need not fetch them."""
    here = {row.interface_id: float(row.size) / 1e6 for row in attempts.parts_on(work, step.task_id)}
    able = {name: Speed(True, None) for name in known.rows if name not in refused}
    total = sum(here.values())
    need = placement.Need(0, total, step.disk_mb, blame.must_run_alone(step.losses), light=True)
    return Want(step.id, need, able, tried, here)


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
