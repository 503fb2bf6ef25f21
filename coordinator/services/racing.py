"""Stragglers: near the end of a task an idle node begins what a slow one still works on, and the first result wins.

Only when nothing waits that the idle node could take instead; a step has two live attempts at most, and the one that
comes too late is stopped and costs nothing.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from coordinator.domain import blame, placement
from coordinator.services import candidates
from coordinator.services.candidates import Fleet
from coordinator.services.choosing import Asking, Choice
from coordinator.store import steps
from coordinator.store.attempts import Occupied
from coordinator.store.tables import Steps
from coordinator.store.work import Work
from protocol.states import Admission, AttemptState

GAIN_S: Final = 2.0
"""A race that would win less time than this is not worth its energy."""


def choose(work: Work, known: Fleet) -> Choice | None:
    """The race that gains most time, if any is worth it; `known` has a free slot that nothing waits for."""
    if not known.free:
        return None
    asked = Asking(work, known)
    races = (race for held, step in _stragglers(work, known) for race in _races(work, known, asked, held, step))
    return max(races, key=lambda race: race[0], default=(0.0, None))[1]


def _stragglers(work: Work, known: Fleet) -> Iterator[tuple[Occupied, Steps]]:
    """Attempts that run alone on the last steps of their tasks."""
    live = Counter(held.step_id for held in known.held)
    ending: dict[str, bool] = {}
    for held in known.held:
        if held.state != AttemptState.RUNNING or held.light or live[held.step_id] > 1 or held.suspect:
            continue
        if blame.must_run_alone(held.losses) or candidates.seconds_left(work.now, held) < GAIN_S:
            continue
        if held.task_id not in ending:
            ending[held.task_id] = not steps.any_pending(work, held.task_id)
        step = steps.get(work, held.step_id) if ending[held.task_id] else None
        if step is not None and not step.failures:  # a race would let a poisoned step fail twice at once
            yield held, step


def _races(work: Work, known: Fleet, asked: Asking, held: Occupied, step: Steps) -> Iterator[tuple[float, Choice]]:
    left = candidates.seconds_left(work.now, held)
    want = asked.want(step)
    for node in known.nodes:
        trusted = known.rows[node.interface_id].admission == Admission.APPROVED
        if node.interface_id in (held.interface_id, *want.tried) or not trusted:
            continue
        if placement.starts(node, want.need) != 0.0 or node.interface_id not in want.speeds:
            continue
        idle = placement.seconds(want.need, want.speeds[node.interface_id])
        if placement.worth_racing(left, idle) and left - idle >= GAIN_S:
            yield left - idle, Choice(step.id, step.task_id, node.interface_id, idle, again=True, race=True)
