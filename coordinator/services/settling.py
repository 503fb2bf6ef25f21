"""`settle`: after every change of a task's steps or attempts, in the same transaction, under the task's lock.

Also the ends of attempts that free their step. Callers lock the task first (`store.tasks.lock`): two replicas that
finish the last two steps at once would otherwise both see one missing.
"""

import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

from coordinator.domain import blame
from coordinator.domain.lifecycle import ENDED, LIVE, AttemptVerb, StepView, lacks_assemble
from coordinator.domain.lifecycle import settle as rule
from coordinator.domain.news import AttemptEnded, AttemptStopping, QueueChanged, TaskChanged
from coordinator.domain.trust import input_is_bad
from coordinator.services import assembling, charging, forecasting, trust
from coordinator.services.rules import Rules
from coordinator.store import artifacts, attempts, events, fleet, media, steps, tasks
from coordinator.store.schema import Json
from coordinator.store.tables import Attempts, Steps, Tasks
from coordinator.store.work import Work
from protocol.base import AttemptId, InterfaceId, TaskId, UserId
from protocol.states import AttemptState, StepKind, StepState, TaskState


def settle(work: Work, rules: Rules, task: Tasks, *, frames_moved: bool = True) -> TaskState:
    """Move a task to where its steps say it is. `task` was read in this unit under its lock."""
    if frames_moved:
        refresh_progress(work, task)
    state = TaskState(task.state)
    if state not in LIVE:
        return state
    rows = steps.of_task(work, task.id)
    views = _views(work, task, rows)
    if lacks_assemble(views):
        assembling.insert(work, task, rows)
        work.announce(QueueChanged())
    target = rule(state, views)
    if target is state:
        return state
    values: Json = {}
    if target is TaskState.PROCESSING and task.started_at is None:
        values |= {"started_at": work.now, "first_eta_s": forecasting.at_start(work, task, rows)}
    if target in ENDED:
        values |= ending(work, rules)
    if target is TaskState.COMPLETED:
        values |= {"progress": 100.0, "frames_done": task.frames_total, "error": None}
        _offer_results(work, task, rows)
    if target is TaskState.FAILED:
        values["error"] = _reason(work, task, rows)
        stop_attempts(work, task)
    tasks.move(work, task.id, {state}, target, **values)
    events.record(work, str(target), task.id, task.user_id, **({"error": values["error"]} if "error" in values else {}))
    return target


def _views(work: Work, task: Tasks, rows: Sequence[Steps]) -> list[StepView]:
    accepted = {a.step_id for a in attempts.holding(work, task.id) if a.state != AttemptState.OFFERED}
    return [StepView(StepState(row.state), row.id in accepted, StepKind(row.kind)) for row in rows]


def unsettled(work: Work) -> list[str]:
    """Tasks that `settle` would change: looked for without a write, because there should be none."""
    return [task.id for task in tasks.begun(work) if _is_unsettled(work, task)]


def _is_unsettled(work: Work, task: Tasks) -> bool:
    views = _views(work, task, steps.of_task(work, task.id))
    return lacks_assemble(views) or rule(TaskState(task.state), views) is not TaskState(task.state)


def ending(work: Work, rules: Rules) -> Json:
    """Columns of a task that has just ended: when it did, and until when its files stay."""
    return {
        "finished_at": work.now,
        "parts_expire_at": work.now + rules.retain_parts_hours * 3600,
        "expires_at": work.now + rules.result_days * 86400,
    }


def _offer_results(work: Work, task: Tasks, rows: Sequence[Steps]) -> None:
    final = next((row for row in rows if row.kind == StepKind.ASSEMBLE), rows[-1])
    artifacts.drop_results(work, task.id)
    for artifact in artifacts.of_attempt(work, final.winner or ""):
        artifacts.add_result(
            work,
            {
                "task_id": task.id,
                "output": artifact.output,
                "step_id": final.id,
                "attempt_id": artifact.attempt_id,
                "size": artifact.size,
                "sha256": artifact.sha256,
                "content_type": artifact.content_type,
                "created_at": work.now,
            },
        )


def _reason(work: Work, task: Tasks, rows: Sequence[Steps]) -> Json:
    dead = next(row for row in rows if row.state == StepState.DEAD)
    errors = [a.error for a in attempts.of_step(work, dead.id) if a.error]
    last = errors[-1] if errors else {"code": "attempts_exhausted", "detail": "Every node that held this step was lost"}
    if not sources_exist(work, task):
        last = {"code": "source_gone", "detail": "The video or the background of this task was removed"}
    params = {"kind": dead.kind, "step": dead.ord, "failures": dead.failures, "losses": dead.losses}
    return {"code": last["code"], "detail": last.get("detail", ""), "params": params}


def refresh_progress(work: Work, task: Tasks) -> None:
    """Write the truth about frames: those of finished steps, and of the furthest live attempt of each other one."""
    if not task.frames_total or task.state == TaskState.COMPLETED:
        return
    done = steps.frames_done(work, task.id)
    reached = 99.0 * done / task.frames_total
    if done != task.frames_done or reached > task.progress:
        tasks.raise_progress(work, task.id, done, reached)
        work.announce(TaskChanged(TaskId(task.id), UserId(task.user_id)))


def sources_exist(work: Work, task: Tasks) -> bool:
    """Whether the source and the background are still there."""
    return all(media.get(work, media_id) is not None for media_id in _sources(task))


def hold_sources(work: Work, task: Tasks) -> bool:
    """`sources_exist`, and until the commit nobody removes them."""
    return all(media.lock(work, media_id) is not None for media_id in sorted(_sources(task)))


def _sources(task: Tasks) -> list[str]:
    return [task.source_id or "", *([task.background_id] if task.background_id else [])]


def stop_attempts(work: Work, task: Tasks) -> None:
    """Take the steps away from every node that holds one: pause, cancel, a failed task.

    A reported attempt is left alone: its node has finished, and the verifier owns it.
    """
    steps.hold(work, task.id)
    held = attempts.holding(work, task.id)
    for attempt in held:
        if attempts.move(work, attempt.id, AttemptVerb.STOP):
            work.announce(AttemptStopping(AttemptId(attempt.id), InterfaceId(attempt.interface_id)))
            free_step(work, attempt.step_id, 0.0)
    if held:
        refresh_progress(work, task)


def stopped(work: Work, attempt: Attempts, verb: AttemptVerb = AttemptVerb.STOPPED, **values: Any) -> bool:
    """The end of an attempt that owns no step any more: its slot is free. False when it had ended already."""
    if not attempts.move(work, attempt.id, verb, ended_at=work.now, **values):
        return False
    charging.correct(work, attempt)
    assembling.forget_files(work, attempt)
    work.announce(AttemptEnded(AttemptId(attempt.id)))
    work.announce(QueueChanged())
    return True


def free_step(work: Work, step_id: str, not_before: float) -> None:
    """running -> pending when no attempt owns the step any more."""
    if not attempts.holds_step(work, step_id):
        steps.put_back(work, step_id, not_before)


def end_attempt(
    work: Work,
    rules: Rules,
    task: Tasks,
    attempt: Attempts,
    verb: AttemptVerb,
    *,
    error: Json | None = None,
    charge: str | None = None,
    wait_s: float = 0.0,
) -> bool:
    """End an attempt without a result and settle its task. False when it had ended already: then nothing changes.

    `charge` is "failure", "loss" or None; `wait_s` delays the next try where the charge does not.
    """
    charge = trust.charged(attempt, charge, error)
    values = {"error": error, "charge": charge, "strike": trust.weight(task, attempt, verb, error)}
    if not attempts.move(work, attempt.id, verb, ended_at=work.now, **values):
        return False
    charging.correct(work, attempt)
    assembling.forget_files(work, attempt)
    work.announce(AttemptEnded(AttemptId(attempt.id)))
    work.announce(QueueChanged())
    if charge is not None:
        steps.charge(work, attempt.step_id, failures=int(charge == "failure"), losses=int(charge == "loss"))
    step = steps.get(work, attempt.step_id)
    if step is None:
        return True
    record = blame.Record(step.failures, step.losses, _input_is_bad(work, task, step))
    raced = attempts.holds_step(work, step.id)
    if charge is not None and not raced and blame.is_dead(record, rules.limits):
        steps.kill(work, step.id)
    else:
        jitter = zlib.crc32(attempt.id.encode()) / 2**32
        wait = max(wait_s, blame.backoff(step.failures, jitter) if charge == "failure" else 0.0)
        free_step(work, step.id, work.now + wait if wait else 0.0)
    detail = {"attempt_id": attempt.id, "interface_id": attempt.interface_id, "error": error}
    events.record(work, f"attempt_{verb}", task.id, task.user_id, **detail)
    settle(work, rules, task)
    trust.ended(work, task, attempt, verb, error)
    return True


def _input_is_bad(work: Work, task: Tasks, step: Steps) -> bool:
    """Whether the nodes that tried the step since submit or retry agree that the file is to blame."""
    tried = [a for a in attempts.of_step(work, step.id) if a.offered_at >= (task.submitted_at or 0.0)]
    witnesses = Counter(a.interface_id for a in tried if a.charge == "failure" and blame.is_input(a.error or {}))
    if not witnesses:
        return False
    refused = {a.interface_id for a in tried if a.state == AttemptState.REJECTED and a.error}
    return input_is_bad(witnesses, set(fleet.able(work, step.model)) - refused)
