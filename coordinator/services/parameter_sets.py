"""Which parameter sets a task's parts must have: those of the first finished segment, unless other nodes outvote it."""

from collections.abc import Sequence
from enum import StrEnum

from coordinator.domain.verification import outvoted
from coordinator.services import assembling
from coordinator.services.rules import Rules
from coordinator.store import attempts, events, fleet, steps, tasks
from coordinator.store.tables import Attempts, Steps, Tasks
from coordinator.store.work import Work
from protocol.states import StepKind

CODE = "artifact_extradata"
DETAIL = "The encoder's parameter sets differ from the task's"


class Verdict(StrEnum):
    """What a segment's parameter sets mean: they are the task's, become the task's, or are refused."""

    AGREED = "agreed"
    CHANGED = "changed"
    REFUSED = "refused"


def judge(work: Work, rules: Rules, task: Tasks, step: Steps, attempt: Attempts, found: str | None) -> Verdict:
    """Compare what a verified file has with what the task's other parts have; the task is locked.

    The first finished segment may come from the one node that encodes unlike all others: it is outvoted by more nodes,
    or when its node is gone and the step would be given up.
    """
    if found is None or task.extradata_sha256 in (None, found):
        return Verdict.AGREED
    if step.kind != StepKind.SEGMENT:
        return Verdict.REFUSED
    tried = [row for row in attempts.of_task(work, task.id) if row.offered_at >= (task.submitted_at or 0.0)]
    winners = {row.winner for row in steps.of_task(work, task.id) if row.winner is not None}
    backers = {row.interface_id for row in tried if row.id in winners} | _sent(tried, task.extradata_sha256)
    dissenters = {attempt.interface_id} | _sent(tried, found)
    last_try = step.failures + 1 >= rules.limits.failures
    able = fleet.able(work, task.model)
    return Verdict.CHANGED if outvoted(backers, dissenters, able, last_try=last_try) else Verdict.REFUSED


def _sent(tried: Sequence[Attempts], extradata: str | None) -> set[str]:
    """Nodes that were refused for sending this."""
    return {row.interface_id for row in tried if (row.error or {}).get("extradata") == extradata}


def fix(work: Work, task: Tasks, winner: Steps, found: str | None, verdict: Verdict) -> None:
    """The step `winner` is done: its parameter sets are the task's. Segments that have others are done again."""
    if found is None or task.extradata_sha256 == found:
        return
    tasks.change(work, task.id, extradata_sha256=found)
    if verdict is not Verdict.CHANGED:
        return
    for row in steps.of_task(work, task.id):
        won = attempts.get(work, row.winner) if row.winner is not None and row.id != winner.id else None
        if won is not None and steps.reopen(work, row.id, won.id):
            assembling.forget_files(work, won)
    events.record(work, "parameter_sets_changed", task.id, task.user_id, step_id=winner.id)
