"""What an attempt's token opens: the source, the background, and the files it sends up, while it lives."""

import math
from dataclasses import dataclass

from coordinator import errors
from coordinator.domain.lifecycle import LEASED
from coordinator.domain.media import VideoFacts
from coordinator.store import artifacts, attempts, media, steps, tasks
from coordinator.store.tables import Artifacts, Attempts, Media, Tasks
from coordinator.store.work import Work
from protocol.states import AttemptState, StepKind

BYTES_PER_PIXEL = 8
"""Four components of 16 bits: no encoding of a frame that is worth keeping is larger."""
SLACK = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Intake:
    """Where the bytes of an artifact belong. `received` counts only for one that was begun with another size."""

    task_id: str
    step_id: str
    attempt_id: str
    output: str
    total: int


def opened(work: Work, attempt_id: str) -> tuple[Attempts, Tasks]:
    """A live attempt and its task. Gone: it is over, or never was."""
    attempt = attempts.get(work, attempt_id)
    task = tasks.get(work, attempt.task_id) if attempt is not None else None
    if attempt is None or task is None or attempt.state not in LEASED or attempt.state == AttemptState.STOPPING:
        raise errors.Gone(attempt_id=attempt_id)
    return attempt, task


def file(work: Work, attempt_id: str, what: str) -> Media:
    """The upload behind `source` or `background`. Gone, NotFound."""
    _, task = opened(work, attempt_id)
    media_id = {"source": task.source_id, "background": task.background_id}.get(what)
    found = media.get(work, media_id) if media_id else None
    if found is None:
        raise errors.NotFound(kind=what)
    return found


def part(work: Work, attempt_id: str, step_id: str, output: str) -> Artifacts:
    """A finished segment that the attempt joins: only of its own task, only for `assemble`. Gone, NotFound."""
    attempt, task = opened(work, attempt_id)
    own, step = steps.get(work, attempt.step_id), steps.get(work, step_id)
    found = None
    if own is not None and own.kind == StepKind.ASSEMBLE and step is not None and step.task_id == task.id:
        found = artifacts.get(work, step.winner or "", output)
    if found is None:
        raise errors.NotFound(kind="part", step=step_id, output=output)
    return found


def begin(work: Work, attempt_id: str, output: str, total: int) -> Intake:
    """Make sure that the artifact has a row before its first byte is kept.

    Gone; NotFound: the task has no such output; ArtifactTooLarge: more than its frames can weigh; ArtifactMismatch: it
    was begun with another size.
    """
    attempt, task = opened(work, attempt_id)
    if output not in task.outputs:
        raise errors.NotFound(kind="output", output=output)
    known = artifacts.get(work, attempt_id, output)
    if known is None:
        bound = most_bytes(work, attempt, task)
        if not 0 < total <= bound:
            raise errors.ArtifactTooLarge(limit=bound, size=total)
        row = {"attempt_id": attempt_id, "output": output, "task_id": task.id, "step_id": attempt.step_id}
        artifacts.begin(work, row | {"size": total, "created_at": work.now})
    elif known.size != total:
        raise errors.ArtifactMismatch(size=known.size, given=total)
    return Intake(task.id, attempt.step_id, attempt_id, output, total)


def look(work: Work, attempt_id: str, output: str) -> Artifacts | None:
    """The artifact as far as it has a row. Gone."""
    opened(work, attempt_id)
    return artifacts.get(work, attempt_id, output)


def most_bytes(work: Work, attempt: Attempts, task: Tasks) -> int:
    """The raw size of the step's frames, and the source once more for the streams that are copied."""
    source, step = media.get(work, task.source_id or ""), steps.get(work, attempt.step_id)
    if source is None or step is None:
        raise errors.Gone(attempt_id=attempt.id)
    frames = step.frames or task.frames_total or _guessed_frames(source)
    return source.width * source.height * BYTES_PER_PIXEL * max(1, frames) + source.size + SLACK


def _guessed_frames(source: Media) -> int:
    known = VideoFacts.from_json(source.facts) if source.content_type.startswith("video/") else None
    return math.ceil(known.duration * known.fps) if known is not None else 1
