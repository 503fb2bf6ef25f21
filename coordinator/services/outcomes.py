"""What a node says about an attempt, and what the verifier says about its bytes."""

import unicodedata
from collections.abc import Mapping
from typing import Literal, NamedTuple

from coordinator import errors
from coordinator.domain.lifecycle import AttemptVerb
from coordinator.domain.news import AttemptEnded, AttemptReported, AttemptStopping, QueueChanged
from coordinator.services import charging, dispatching, parameter_sets, settling, trust
from coordinator.services.parameter_sets import Verdict
from coordinator.services.rules import Rules
from coordinator.store import artifacts, attempts, events, fleet, steps, tasks
from coordinator.store.schema import Json
from coordinator.store.tables import Attempts, Steps, Tasks
from coordinator.store.work import Work
from protocol.base import AttemptId, InterfaceId
from protocol.reports import TERMINAL, Callback
from protocol.states import AttemptState, StepKind

Command = Literal["continue", "cancel"]
LEAST_FRAMES, LEAST_S = 5, 0.05
"""Fewer frames say nothing about a node's speed, and a shorter time is not known so exactly."""


def hear(work: Work, rules: Rules, interface_id: str, callback: Callback) -> Command:
    """Take one callback. A repeat of a terminal one gets its first answer again. Gone: the attempt is over."""
    found = attempts.get(work, callback.attempt_id)
    if found is None or found.interface_id != interface_id:
        raise errors.Gone(attempt_id=callback.attempt_id)
    task = tasks.lock(work, found.task_id)
    attempt = attempts.get(work, callback.attempt_id)
    if attempt is None:
        raise errors.Gone(attempt_id=callback.attempt_id)
    if attempt.state == AttemptState.STOPPING:
        return _hear_stopping(work, rules, attempt, callback)
    if attempt.outcome is not None and callback.kind in TERMINAL:
        return "cancel" if attempt.outcome.get("answer") == "cancel" else "continue"
    if attempt.state == AttemptState.REPORTED:
        return "continue"
    if task is None or attempt.state not in (AttemptState.OFFERED, AttemptState.RUNNING):
        raise errors.Gone(attempt_id=attempt.id, state=attempt.state)
    if attempt.state == AttemptState.OFFERED and dispatching.start(work, rules, task, attempt, callback.boot_id):
        task = tasks.get(work, task.id) or task
    if callback.kind in TERMINAL:
        _end(work, rules, task, attempt, callback)
    else:
        known = Mark(attempt.stage, attempt.stage_done, attempt.frames_done)
        attempts.progress(work, attempt.id, callback.seq, progress_values(work.now, rules, known, callback))
    return "continue"


def _hear_stopping(work: Work, rules: Rules, attempt: Attempts, callback: Callback) -> Command:
    if callback.kind in TERMINAL:
        outcome = {"kind": callback.kind, "answer": "cancel"}
        settling.stopped(work, attempt, outcome=outcome)
    else:
        attempts.renew(work, attempt.interface_id, [attempt.id], work.now + rules.lease_s)
    return "cancel"


class Mark(NamedTuple):
    """How far an attempt was when it was last heard."""

    stage: str
    done: int
    frames: int


def progress_values(now: float, rules: Rules, known: Mark, callback: Callback) -> Json:
    """The columns that a progress callback writes; `progress_at` moves only when the stage's own counter did."""
    values: Json = {
        "stage": callback.stage,
        "stage_done": callback.done,
        "stage_total": callback.total,
        "frames_done": callback.frames_done,
        "fps": callback.fps,
        "lease_until": now + rules.lease_s,
    }
    if callback.stage == "process" and known.stage != "process":
        values["process_at"] = now
    if callback.provider is not None:
        values["provider"] = callback.provider
    if callback.stage != known.stage or callback.done > known.done or callback.frames_done > known.frames:
        values["progress_at"] = now
    return values


def _end(work: Work, rules: Rules, task: Tasks, attempt: Attempts, callback: Callback) -> None:
    outcome: Json = callback.model_dump(mode="json", exclude={"attempt_id", "boot_id"})
    attempts.note_outcome(work, attempt.id, callback.seq, outcome | {"message": clean(callback.message)})
    if callback.kind == "completed":
        _report(work, rules, task, attempt, callback)
    elif callback.kind == "failed":
        given = callback.error
        error: Json = {
            "code": given.code if given else "node_failed",
            "detail": clean(given.detail) if given else "",
            "error_class": str(given.error_class) if given else "node",
        }
        settling.end_attempt(work, rules, task, attempt, AttemptVerb.FAIL, error=error, charge="failure")
    else:
        settling.end_attempt(work, rules, task, attempt, AttemptVerb.RELEASE)


def _report(work: Work, rules: Rules, task: Tasks, attempt: Attempts, callback: Callback) -> None:
    kept = {row.output: row for row in artifacts.of_attempt(work, attempt.id) if row.completed_at is not None}
    said = {str(item.output): item for item in callback.artifacts}
    whole = set(task.outputs) == set(said) == set(kept)
    whole = whole and all(kept[name].size == item.size for name, item in said.items())
    if not whole:
        error: Json = {
            "code": "artifact_mismatch",
            "detail": "The uploaded files are not those that the node reported",
            "error_class": "node",
        }
        settling.end_attempt(work, rules, task, attempt, AttemptVerb.FAIL, error=error, charge="failure")
        return
    for name, item in said.items():
        artifacts.claim(work, attempt.id, name, item.sha256)
    values = {"frames_done": callback.frames_done, "reported_at": work.now}
    attempts.move(work, attempt.id, AttemptVerb.REPORT, **values)
    charging.correct(work, attempt)
    work.announce(AttemptReported(AttemptId(attempt.id)))
    work.announce(QueueChanged())
    settling.settle(work, rules, task)


def complete(
    work: Work, rules: Rules, attempt_id: str, content_types: Mapping[str, str], extradata: str | None
) -> bool:
    """The verifier agrees: the step is done, once. False when another attempt or a reset was faster."""
    task, attempt = _reported(work, attempt_id)
    if attempt is None:
        return False
    step = steps.get(work, attempt.step_id)
    if task is None or step is None:
        settling.stopped(work, attempt, AttemptVerb.OUTRUN)
        return False
    verdict = parameter_sets.judge(work, rules, task, step, attempt, extradata)
    if verdict is Verdict.REFUSED and step.winner is None:
        refute(work, rules, attempt_id, parameter_sets.CODE, parameter_sets.DETAIL, extradata=extradata)
        return False
    if not steps.win(work, step.id, attempt.id):
        settling.stopped(work, attempt, AttemptVerb.OUTRUN)
        return False
    parameter_sets.fix(work, task, step, extradata, verdict)
    attempts.move(work, attempt.id, AttemptVerb.COMPLETE, ended_at=work.now)
    for output, content_type in content_types.items():
        artifacts.classify(work, attempt.id, output, content_type)
    _end_race(work, task, step, attempt)
    work.announce(AttemptEnded(AttemptId(attempt.id)))
    events.record(work, "step_done", task.id, task.user_id, step_id=step.id, interface_id=attempt.interface_id)
    settling.settle(work, rules, task)
    _learn(work, task, step, attempt, step.frames, attempt.reported_at)
    trust.verified(work, task, step, attempt)
    return True


def _end_race(work: Work, task: Tasks, step: Steps, winner: Attempts) -> None:
    """Whoever else is at the step is too late, uncharged. How far it came says how fast its node is."""
    for other in attempts.of_step(work, step.id):
        if other.id == winner.id:
            continue
        if attempts.move(work, other.id, AttemptVerb.STOP):
            work.announce(AttemptStopping(AttemptId(other.id), InterfaceId(other.interface_id)))
            _learn(work, task, step, other, min(other.frames_done, step.frames), work.now)
        elif other.state == AttemptState.REPORTED:
            settling.stopped(work, other, AttemptVerb.OUTRUN)


def _learn(work: Work, task: Tasks, step: Steps, attempt: Attempts, frames: int, until: float | None) -> None:
    """Frames a second since the first ones: neither loading a model nor fetching a file is a node's speed."""
    began = attempt.process_at or attempt.started_at
    if step.kind == StepKind.SEGMENT and began is not None and until is not None and frames >= LEAST_FRAMES:
        fps = frames / max(LEAST_S, until - began)
        fleet.learn_speed(work, attempt.interface_id, task.model, step.size_class, fps)


def _reported(work: Work, attempt_id: str) -> tuple[Tasks | None, Attempts | None]:
    """An attempt that the verifier owns, read under its task's lock: another replica's verifier may have spoken."""
    found = attempts.get(work, attempt_id)
    task = tasks.lock(work, found.task_id) if found is not None else None
    attempt = attempts.get(work, attempt_id)
    return task, attempt if attempt is not None and attempt.state == AttemptState.REPORTED else None


def discard(work: Work, rules: Rules, attempt_id: str) -> None:
    """Nobody wants these bytes any more: the task was reset or removed, or its source was."""
    task, attempt = _reported(work, attempt_id)
    if attempt is not None and settling.stopped(work, attempt, AttemptVerb.OUTRUN):
        settling.free_step(work, attempt.step_id, 0.0)
        if task is not None:
            settling.settle(work, rules, task)


def refute(work: Work, rules: Rules, attempt_id: str, code: str, detail: str, **found: str | None) -> bool:
    """The verifier disagrees: a failure of class `node`. `found` is kept with the error."""
    task, attempt = _reported(work, attempt_id)
    if attempt is None or task is None:
        return False
    error: Json = {"code": code, "detail": detail, "error_class": "node", **found}
    return settling.end_attempt(work, rules, task, attempt, AttemptVerb.FAIL, error=error, charge="failure")


def clean(text: str) -> str:
    """A node's words without control characters."""
    return "".join(char for char in text if unicodedata.category(char)[0] != "C" or char == "\n")
