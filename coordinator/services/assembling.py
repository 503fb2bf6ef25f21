"""The last step of a task of several segments: `assemble`, which joins what the others made."""

from collections.abc import Sequence
from dataclasses import dataclass

from coordinator.domain.lifecycle import QUEUED
from coordinator.domain.news import PartUnwanted
from coordinator.ids import new_id
from coordinator.store import artifacts, steps, tasks
from coordinator.store.schema import Json
from coordinator.store.tables import Artifacts, Attempts, Steps, Tasks
from coordinator.store.work import Work
from protocol.base import AttemptId, TaskId
from protocol.states import StepKind, StepState
from protocol.work import FrameRange


@dataclass(frozen=True, slots=True)
class FinishedPart:
    """What the winner of a segment made, in one output."""

    step: Steps
    artifact: Artifacts


def whole_range(segments: Sequence[Steps]) -> FrameRange | None:
    """The range of all segments together: what the joined file is compared with. None: they were not planned."""
    plans = [FrameRange.model_validate(row.plan) for row in segments if row.plan]
    if not plans:
        return None
    return FrameRange(
        stream=plans[0].stream,
        time_base=plans[0].time_base,
        frames=sum(plan.frames for plan in plans),
        first_pts=plans[0].first_pts,
        last_pts=plans[-1].last_pts,
    )


def insert(work: Work, task: Tasks, segments: Sequence[Steps]) -> None:
    """Add `assemble`; the task is locked, and (task, kind, ord) is unique. Its frames are those of the segments, so it
    counts none of its own."""
    whole = whole_range(segments)
    row = {
        "id": new_id(),
        "task_id": task.id,
        "user_id": task.user_id,
        "kind": str(StepKind.ASSEMBLE),
        "state": str(StepState.PENDING),
        "model": task.model,
        "queue_rank": steps.ASSEMBLE_RANK,
        "klass": task.klass,
        "lag": -task.priority,
        "queued_at": work.now,
        "held": task.state not in QUEUED,
        "plan": whole.model_dump(mode="json") if whole is not None else None,
    }
    steps.add(work, [row])


def parts(work: Work, step: Steps) -> tuple[FinishedPart, ...]:
    """What `assemble` joins: every output of every segment, in the order of the video; nothing for other steps."""
    if step.kind != StepKind.ASSEMBLE:
        return ()
    segments = {row.winner: row for row in steps.of_task(work, step.task_id) if row.kind == StepKind.SEGMENT}
    made = [row for row in artifacts.of_winners(work, step.task_id) if row.attempt_id in segments]
    found = [FinishedPart(segments[row.attempt_id], row) for row in made]
    return tuple(sorted(found, key=lambda part: part.step.ord))


def keep_what_is_there(work: Work, task: Tasks) -> None:
    """Before a retry: steps whose files were removed are done again, and nothing is joined before they are.

    A file that was already joined makes the parts unnecessary.
    """
    rows = steps.of_task(work, task.id)
    joined = next((row for row in rows if row.kind == StepKind.ASSEMBLE), None)
    if joined is not None and _has_files(work, joined):
        return
    missing = [row for row in rows if row.winner is not None and not _has_files(work, row)]
    for row in missing:
        steps.reopen(work, row.id, row.winner or "")
    others = [row for row in rows if row is not joined]
    kept = [row for row in others if row.winner is not None and row not in missing]
    if joined is not None and len(kept) < len(others):
        steps.remove(work, joined.id)
    if not kept:
        tasks.change(work, task.id, extradata_sha256=None)


def forget_files(work: Work, attempt: Attempts) -> None:
    """An attempt ended without winning: nobody will ask for what it sent up."""
    if artifacts.of_attempt(work, attempt.id):
        artifacts.forget_attempt(work, attempt.id)
        work.announce(PartUnwanted(TaskId(attempt.task_id), attempt.step_id, AttemptId(attempt.id)))


def _has_files(work: Work, step: Steps) -> bool:
    return step.winner is not None and bool(artifacts.of_attempt(work, step.winner))


def part_named(part: FinishedPart) -> Json:
    """The fields of `protocol.work.Part` that do not depend on who asks."""
    plan = part.step.plan or {}
    return {
        "step_id": part.step.id,
        "attempt_id": part.artifact.attempt_id,
        "output": part.artifact.output,
        "sha256": part.artifact.sha256,
        "size": part.artifact.size,
        "frames": part.step.frames,
        "first_pts": plan.get("first_pts") or 0,
    }
