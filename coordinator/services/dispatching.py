"""From a waiting step and an idle node to an offer: choose, claim, and what became of the offer."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from coordinator.domain import blame
from coordinator.domain.lifecycle import ATTEMPT_MOVES, QUEUED, AttemptVerb
from coordinator.domain.news import QueueChanged
from coordinator.ids import new_id
from coordinator.services import candidates, charging, choosing, racing, refusals, registry, settling
from coordinator.services.assembling import FinishedPart, parts
from coordinator.services.candidates import Polls
from coordinator.services.choosing import Choice
from coordinator.services.rules import Rules
from coordinator.store import attempts, events, fleet, media, steps, tasks, waits
from coordinator.store.schema import Json
from coordinator.store.tables import Attempts, Interfaces, Media, Steps, Tasks
from coordinator.store.work import Work
from protocol.states import Admission, AttemptState, Lane, StepKind

BUSY_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Offer:
    """Everything that an assignment is written from."""

    attempt: Attempts
    step: Steps
    task: Tasks
    source: Media
    background: Media | None
    interface: Interfaces
    parts: tuple[FinishedPart, ...] = ()


class Claimed(NamedTuple):
    """An offer, if anything matched, and whether another look may find one more."""

    offer: Offer | None
    again: bool


class ClaimLostError(Exception):
    """Somebody else was faster; the unit takes its claim back."""


def claim(work: Work, rules: Rules, polls: Polls, *, race: bool = True) -> Claimed:
    """Start the first waiting step whose best node is free now; when there is none, race a straggler if `race`."""
    if not race and not waits.any_ready(work):
        return Claimed(None, again=False)
    known = candidates.look(work, polls)
    chosen = choosing.choose(work, known) or (racing.choose(work, known) if race else None)
    return Claimed(None, again=False) if chosen is None else take(work, rules, chosen)


def take(work: Work, rules: Rules, chosen: Choice) -> Claimed:
    """Make the attempt that was chosen. ClaimLostError: the step or the slot is somebody else's meanwhile."""
    task = tasks.lock(work, chosen.task_id)
    if task is None:
        raise ClaimLostError
    if task.state not in QUEUED:
        # stopped while its step was chosen, or a step that was not held
        steps.hold(work, task.id)
        return Claimed(None, again=True)
    step = steps.get(work, chosen.step_id)
    if step is None or not (_join_race(work, step) if chosen.race else steps.take(work, step.id)):
        raise ClaimLostError
    files = _files(work, task)
    if files is None:
        steps.kill(work, step.id)
        settling.settle(work, rules, task)
        work.announce(QueueChanged())
        return Claimed(None, again=True)
    charging.charge(work, task.user_id, chosen.seconds)
    if chosen.emptied is not None:
        waits.look_again(work, chosen.emptied)
    interface = fleet.lock(work, chosen.interface_id)
    if interface is None:
        raise ClaimLostError
    offer = _offer(work, rules, task, step, chosen, interface)
    if not _has_room(work, step, interface):
        raise ClaimLostError
    return Claimed(Offer(offer, step, task, *files, interface, parts(work, step)), again=chosen.again)


def _join_race(work: Work, step: Steps) -> bool:
    """Whether exactly one attempt lives on the step; the task is locked."""
    held = [attempt for attempt in attempts.holding(work, step.task_id) if attempt.step_id == step.id]
    return len(held) == 1 and steps.race(work, step.id)


def _offer(work: Work, rules: Rules, task: Tasks, step: Steps, chosen: Choice, interface: Interfaces) -> Attempts:
    row = {
        "id": new_id(),
        "step_id": step.id,
        "task_id": task.id,
        "user_id": task.user_id,
        "interface_id": interface.id,
        "state": str(AttemptState.OFFERED),
        "lane": interface.lane,
        "light": step.kind == StepKind.ASSEMBLE,
        "estimate_s": chosen.seconds,
        "probation": interface.admission == Admission.QUARANTINED,
        "disk_free_mb": interface.disk_free_mb,
        "lease_until": work.now + rules.lease_s,
        "progress_at": work.now,
        "offered_at": work.now,
    }
    return attempts.add(work, row)


def _has_room(work: Work, step: Steps, interface: Interfaces) -> bool:
    """Whether the node's slots hold what they were just given; its row is locked, so that replicas count in turn."""
    light = step.kind == StepKind.ASSEMBLE
    mine = attempts.busy_slots_of(work, interface.id, light)
    if blame.must_run_alone(step.losses) or interface.admission == Admission.QUARANTINED:
        return mine + attempts.busy_slots_of(work, interface.id, not light) == 1
    return mine <= (1 if light else interface.slots)


def _files(work: Work, task: Tasks) -> tuple[Media, Media | None] | None:
    """The source and the background; None when one that the task names is gone."""
    source = media.get(work, task.source_id or "")
    background = media.get(work, task.background_id) if task.background_id else None
    if source is None or (background is None and task.background_id is not None):
        return None
    return source, background


def offer_of(work: Work, attempt_id: str) -> Offer | None:
    """An offer as it is to be sent (again); None when it is no longer an offer."""
    attempt = attempts.get(work, attempt_id)
    if attempt is None or attempt.state != AttemptState.OFFERED:
        return None
    step, task = steps.get(work, attempt.step_id), tasks.get(work, attempt.task_id)
    interface = fleet.get(work, attempt.interface_id)
    if step is None or task is None or interface is None:
        return None
    files = _files(work, task)
    return Offer(attempt, step, task, *files, interface, parts(work, step)) if files is not None else None


def unanswered(work: Work, interface_id: str, known: Collection[str]) -> list[Offer]:
    """Offers of a node that its list lacks: they are sent again."""
    rows = attempts.offered_to(work, interface_id)
    found = (offer_of(work, row.id) for row in rows if row.id not in known)
    return [offer for offer in found if offer is not None]


def pushed_offers(work: Work) -> list[Offer]:
    """Every offer of the push lane that has no answer yet."""
    found = (offer_of(work, row.id) for row in attempts.offered(work) if row.lane == Lane.PUSH)
    return [offer for offer in found if offer is not None]


def accept(work: Work, rules: Rules, attempt_id: str, boot_id: str) -> Attempts | None:
    """The node answered 202: the attempt runs, perhaps since its first callback. None when nobody wants it any more;
    otherwise the row, as it was before."""
    attempt = attempts.get(work, attempt_id)
    task = tasks.lock(work, attempt.task_id) if attempt is not None else None
    if attempt is None or task is None:
        return None
    if start(work, rules, task, attempt, boot_id):
        return attempt
    now = attempts.get(work, attempt_id)
    return now if now is not None and now.state == AttemptState.RUNNING else None


def start(work: Work, rules: Rules, task: Tasks, attempt: Attempts, boot_id: str) -> bool:
    """offered -> running, once, by the 202 or the first callback; `task` is locked."""
    values = {"boot_id": boot_id, "started_at": work.now, "progress_at": work.now}
    lease = work.now + rules.lease_s
    if not attempts.move(work, attempt.id, AttemptVerb.ACCEPT, lease_until=lease, **values):
        return False
    detail = {"attempt_id": attempt.id, "interface_id": attempt.interface_id, "step_id": attempt.step_id}
    events.record(work, "attempt_started", task.id, task.user_id, **detail)
    settling.settle(work, rules, task, frames_moved=False)
    return True


def busy(work: Work, rules: Rules, attempt_id: str) -> None:
    """The node says 409: it has no slot although we thought so. Uncharged; a moment of patience."""
    _reject(work, rules, attempt_id, None, BUSY_WAIT_S)


def refused(work: Work, rules: Rules, attempt_id: str, code: str, detail: str) -> None:
    """The node says 422: it cannot. When every node that has the model says so, the step is given up in its words."""
    error = {"code": code, "detail": detail, "error_class": "unsupported"}
    attempt = _reject(work, rules, attempt_id, error, 0.0)
    if attempt is not None:
        refusals.judge(work, rules, attempt.task_id, attempt.step_id)


def not_connected(work: Work, rules: Rules, attempt_id: str) -> None:
    """Nobody listens at the node's address: offer the step to another, and let the node ask for work itself."""
    attempt = _reject(work, rules, attempt_id, None, 0.0)
    row = fleet.get(work, attempt.interface_id) if attempt is not None else None
    if row is not None:
        registry.unreachable(work, row.id)
        registry.fall_back(work, row)


def _reject(work: Work, rules: Rules, attempt_id: str, error: Json | None, wait_s: float) -> Attempts | None:
    found = attempts.get(work, attempt_id)
    task = tasks.lock(work, found.task_id) if found is not None else None
    attempt = attempts.get(work, attempt_id)
    if attempt is None:
        return None
    if task is None or attempt.state not in ATTEMPT_MOVES[AttemptVerb.REJECT].sources:
        # paused or cancelled while the offer travelled: the node never took it
        settling.stopped(work, attempt)
        return None
    ended = settling.end_attempt(work, rules, task, attempt, AttemptVerb.REJECT, error=error, wait_s=wait_s)
    return attempt if ended else None
