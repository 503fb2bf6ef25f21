"""What a list of attempts means: leases begin anew, vain work is stopped, lost work is offered again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from coordinator.domain.lifecycle import LEASED, AttemptVerb
from coordinator.domain.news import InterfaceChanged
from coordinator.services import doubt, settling
from coordinator.services.rules import Rules
from coordinator.store import attempts, interfaces, tasks
from coordinator.store.tables import Attempts
from coordinator.store.work import Work
from protocol.base import AttemptId, InterfaceId
from protocol.interfaces import HeldAttempt
from protocol.states import AttemptState, Lane

EXPIRED: Final = "lease_expired"


@dataclass(frozen=True, slots=True)
class Heard:
    """What to answer: attempts to stop, and attempts to drop because they are over or were never ours."""

    cancel: tuple[AttemptId, ...]
    unknown: tuple[AttemptId, ...]


def hear(work: Work, rules: Rules, interface_id: str, boot_id: str, held: Sequence[HeldAttempt]) -> Heard:
    """Take a list from the current boot of a node. An attempt that it lacks ends only when another boot accepted it;
    within one boot the lease decides, because the list may have been written before the offer arrived."""
    named = {item.attempt_id for item in held}
    mine = {attempt.id: attempt for attempt in attempts.held_by(work, interface_id)}
    attempts.renew(work, interface_id, named & mine.keys(), work.now + rules.lease_s)
    for attempt in mine.values():
        if attempt.id not in named and attempt.boot_id not in (None, boot_id) and attempt.state in LEASED:
            lose(work, rules, attempt)
    stopping = tuple(key for key in named if key in mine and mine[key].state == AttemptState.STOPPING)
    return Heard(cancel=stopping, unknown=tuple(key for key in named if key not in mine))


def lose(work: Work, rules: Rules, attempt: Attempts, reason: str = "node_lost") -> bool:
    """The lease ended or the node forgot: offer the step again. A stopping attempt just gives its slot back."""
    task = tasks.lock(work, attempt.task_id)
    now = attempts.get(work, attempt.id)
    if now is None:
        return False
    if now.state == AttemptState.STOPPING or task is None:
        return settling.stopped(work, now)
    error = {"code": reason, "detail": "The node stopped answering", "error_class": "node"}
    lost = settling.end_attempt(work, rules, task, now, AttemptVerb.LOSE, error=error, charge="loss")
    if lost and now.state == AttemptState.OFFERED and now.lane == Lane.PUSH and reason == EXPIRED:
        _call_no_more(work, now.interface_id)
    return lost


def _call_no_more(work: Work, interface_id: str) -> None:
    """Whoever listens at the node's address did not answer for a whole lease: let the node ask for its work, until it
    has proved its address anew."""
    row = interfaces.get(work, interface_id)
    if row is not None and interfaces.set_lane(work, row, Lane.PULL):
        work.announce(InterfaceChanged(InterfaceId(row.id)))


def abandon(work: Work, rules: Rules, interface_id: str, reason: str) -> int:
    """A node left, was revoked, or started anew: everything that it held is offered again. Returns how many."""
    held = attempts.held_by(work, interface_id)
    return sum(lose(work, rules, attempt, reason) for attempt in held if attempt.state in LEASED)


def take_away(work: Work, rules: Rules, asked_at: float) -> int:
    """End what is over, unless there is reason to doubt. `asked_at` is when this was asked for: a unit that had to wait
    knows less than it seems, because whatever renews leases waits behind it. Returns how many ended."""
    if abs(work.now - asked_at) > rules.lease_s / 2:
        doubt.doubt(work, rules, "waited")
    if doubt.in_doubt(work) or doubt.silence(work, rules):
        return 0
    return expire(work, rules) + give_up_on_the_still(work, rules)


def expire(work: Work, rules: Rules, limit: int = 200) -> int:
    """End the attempts whose lease is over. Returns how many."""
    over = (attempt for attempt in attempts.expired(work, limit) if _not_renewed(work, attempt))
    return sum(lose(work, rules, attempt, EXPIRED) for attempt in over)


def _not_renewed(work: Work, attempt: Attempts) -> bool:
    """Under the task's lock: a message that another replica took a moment ago counts."""
    tasks.lock(work, attempt.task_id)
    now = attempts.get(work, attempt.id)
    return now is not None and now.lease_until < work.now


def give_up_on_the_still(work: Work, rules: Rules) -> int:
    """Fail the attempts whose stage has not moved for too long. Returns how many."""
    stuck = attempts.standing_still(work, work.now - rules.stall_s, work.now - rules.model_load_s)
    error = {"code": "no_progress", "detail": "The node made no progress for too long", "error_class": "node"}
    count = 0
    for attempt in stuck:
        task, now = tasks.lock(work, attempt.task_id), attempts.get(work, attempt.id)
        if task is not None and now is not None and now.progress_at == attempt.progress_at:
            count += settling.end_attempt(work, rules, task, now, AttemptVerb.FAIL, error=error, charge="failure")
    return count
