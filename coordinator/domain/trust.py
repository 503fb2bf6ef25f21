"""Two-sided blame: when failures are the node's fault, when the task's, and what follows for either."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from protocol.states import ErrorClass

STRIKES: Final = 3
"""So many different steps in a row that failed on a node put it into quarantine."""
GUILTY: Final = frozenset({ErrorClass.NODE, ErrorClass.RESOURCES, ErrorClass.INTERNAL})
"""Classes of errors that speak against the node; `input` and `unsupported` do not."""
DISK_FULL: Final = "disk_full"
"""An error code that costs neither the step nor the node's record: the node waits until its disk is free again."""
INPUT_WITNESSES: Final = 2
"""An `input` error from two nodes, or twice from the only one that can, is the file's fault."""
UNCHARGED_S: Final = 60.0
"""How long an end that cost the step nothing is remembered."""
REST_MOST_S: Final = 60.0


class Weight(StrEnum):
    """What a failure says about its node: not yet known, nothing (its task is suspect), or everything (another node
    did the same step)."""

    OPEN = "open"
    STRUCK = "struck"
    PROVED = "proved"


class Strike(NamedTuple):
    """A failure in a node's record since its last verified result."""

    step_id: str
    task_id: str
    weight: Weight


@dataclass(frozen=True, slots=True)
class Verdict:
    """`strikes` different steps speak against the node; tasks in `suspects` are to blame for others."""

    strikes: int
    suspects: frozenset[str]

    @property
    def distrusted(self) -> bool:
        """Whether the node must prove itself anew."""
        return self.strikes >= STRIKES


def weigh(error_class: str, code: str, suspect: bool) -> Weight | None:
    """How a failure enters its node's record; None: not at all."""
    if error_class not in GUILTY or code == DISK_FULL:
        return None
    return Weight.STRUCK if suspect else Weight.OPEN


def judge(record: Sequence[Strike], failed_elsewhere: Collection[str]) -> Verdict:
    """Who is to blame for a node's record. `failed_elsewhere` are tasks that failed on other nodes, too.

    With fewer than three steps nobody is. From the third on, tasks that also failed elsewhere explain their failures,
    unless another node did that very step; when three are left without them the node is to blame and the tasks are not.
    """
    counted = [strike for strike in record if strike.weight is not Weight.STRUCK]
    steps = {strike.step_id for strike in counted}
    if len(steps) < STRIKES:
        return Verdict(len(steps), frozenset())
    doubtful = {s.task_id for s in counted if s.weight is Weight.OPEN and s.task_id in failed_elsewhere}
    left = {s.step_id for s in counted if s.weight is Weight.PROVED or s.task_id not in doubtful}
    if len(left) >= STRIKES or not doubtful:
        return Verdict(len(steps), frozenset())
    return Verdict(len(left), frozenset(doubtful))


def input_is_bad(witnesses: Mapping[str, int], able: Collection[str]) -> bool:
    """Whether the file is at fault: `witnesses` are `input` errors of the step by node, `able` are the nodes that
    could do it now."""
    if len(witnesses) >= INPUT_WITNESSES:
        return True
    return any(count >= INPUT_WITNESSES and not set(able) - {node} for node, count in witnesses.items())


def rest_s(ends: int) -> float:
    """Seconds without an offer for a node with so many ends lately that cost their steps nothing, so that nobody asks
    in a circle: the first is free."""
    return min(REST_MOST_S, 2.0 ** min(ends - 2, 10)) if ends > 1 else 0.0


def learnt_mb(estimate: int, full_at: Sequence[int]) -> int:
    """What a step needs in MB, once disks with `full_at` MB free were full before it was done."""
    return max((estimate, *(free + max(8, free // 4) for free in full_at)))
