"""How long a task that starts now will take: said once, kept on its row, and compared with the truth in `stats`."""

from collections.abc import Sequence
from typing import Final

from coordinator.domain import placement
from coordinator.domain.lifecycle import SLOT
from coordinator.services import candidates
from coordinator.services.candidates import Polls
from coordinator.services.choosing import Asking
from coordinator.store import attempts, interfaces
from coordinator.store.tables import Steps, Tasks
from coordinator.store.work import Work
from protocol.states import AttemptState, StepKind, StepState

JOINING_S: Final = 1.0
"""What joining and verifying take beside the frames."""
MOST_STEPS: Final = 300


def at_start(work: Work, task: Tasks, rows: Sequence[Steps]) -> float | None:
    """Seconds from now until the task will be done; None when nobody can say.

    A task of one step costs one statement; one of several is laid out over the nodes as they are now.
    """
    ends = [
        max(0.0, one.estimate_s - (work.now - one.offered_at))
        for one in attempts.holding(work, task.id)
        if one.state in SLOT or one.state == AttemptState.REPORTED
    ]
    pending = [row for row in rows if row.state == StepState.PENDING][:MOST_STEPS]
    if pending:
        everybody = interfaces.listed(work, None, None, 500)
        known = candidates.look(work, candidates.asking(work, everybody, Polls()))
        asked = Asking(work, known)
        placed = list(placement.plan(known.nodes, (asked.want(row) for row in pending)))
        if len(placed) < len(pending):
            return None
        ends += [one.begins + one.seconds for one in placed]
    several = sum(row.kind == StepKind.SEGMENT for row in rows) > 1
    return max(ends, default=0.0) + (JOINING_S if several else 0.0)
