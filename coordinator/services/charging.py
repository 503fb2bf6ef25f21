"""What users have used: charged by estimate at the claim, corrected when the slot is free again.

The user's row is written as a compare-and-set, so that claims of several replicas add up; after a few lost races the
charge is dropped, because use only orders the queue.
"""

from collections.abc import Callable
from typing import Final

from coordinator.domain import fairness
from coordinator.domain.lifecycle import SLOT
from coordinator.store import users, waits
from coordinator.store.tables import Attempts
from coordinator.store.work import Work

RACES: Final = 3


def charge(work: Work, user_id: str, seconds: float) -> None:
    """A step of this user was given to a node."""
    _change(work, user_id, lambda score: fairness.charged(score, seconds, work.now))


def correct(work: Work, attempt: Attempts) -> None:
    """The attempt, as it was before it ended, gives its slot back: what it really took counts."""
    if attempt.state not in SLOT or not attempt.estimate_s:
        return
    took = max(0.0, work.now - attempt.started_at) if attempt.started_at is not None else 0.0
    since, estimate = attempt.offered_at, attempt.estimate_s
    _change(work, attempt.user_id, lambda score: fairness.corrected(score, estimate, since, took, work.now))


def _change(work: Work, user_id: str, rule: Callable[[float], float]) -> None:
    for _ in range(RACES):
        known = users.use_score(work, user_id)
        if known is None:
            return
        score = rule(known)
        if users.set_use(work, user_id, known, score):
            waits.rescore(work, user_id, score)
            return
