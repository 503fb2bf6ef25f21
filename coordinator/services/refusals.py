"""Steps that nobody will take: every node that is there and could has said that it cannot.

Judged at each refusal, and again by a tick: the last node that had not refused may have gone since.
"""

from coordinator.services import choosing, settling
from coordinator.services.rules import Rules
from coordinator.store import attempts, fleet, steps, tasks
from coordinator.store.tables import Steps
from coordinator.store.work import Work
from protocol.states import StepKind, StepState


def judge(work: Work, rules: Rules, task_id: str, step_id: str) -> bool:
    """Give the step up in the words of its refusal, if it is in vain. Whether it was."""
    task, step = tasks.lock(work, task_id), steps.get(work, step_id)
    if task is None or step is None or not _is_in_vain(work, step) or not steps.kill(work, step_id):
        return False
    settling.settle(work, rules, task)
    return True


def in_vain(work: Work) -> list[Steps]:
    """Waiting steps that `judge` would give up: looked for without a write, because there should be none."""
    return [step for step in steps.tried_before(work) if _is_in_vain(work, step)]


def _is_in_vain(work: Work, step: Steps) -> bool:
    """While nobody is there who could take it, a step waits for whoever comes."""
    against = choosing.refusers(choosing.since_queued(work, step))
    if not against or step.state != StepState.PENDING or attempts.holds_step(work, step.id):
        return False
    joins = step.kind == StepKind.ASSEMBLE
    able = {row.id for row in fleet.ready(work)} if joins else set(fleet.able(work, step.model))
    return bool(able) and able <= against
