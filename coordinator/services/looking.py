"""Tasks as people see them: the row with what its attempts do now, its results, and its place in the queue."""

from collections.abc import Sequence
from dataclasses import dataclass

from coordinator.store import artifacts, attempts, interfaces, steps, tasks
from coordinator.store.tables import Attempts, Results, Steps, Tasks
from coordinator.store.work import Work
from protocol.states import AttemptState, TaskState


@dataclass(frozen=True, slots=True)
class Picture:
    """A task with what belongs to it. `before` is known for a waiting task that was asked for alone."""

    task: Tasks
    attempts: tuple[Attempts, ...]
    results: tuple[Results, ...]
    before: int | None

    @property
    def fps(self) -> float | None:
        """Frames a second of all nodes that work on it, as they say."""
        speeds = [a.fps for a in self.attempts if a.state == AttemptState.RUNNING and a.fps]
        return sum(speeds) if speeds else None

    @property
    def stage(self) -> str | None:
        """What the furthest attempt is doing: verify once its bytes are here."""
        if any(a.state == AttemptState.REPORTED for a in self.attempts):
            return "verify"
        stages = [a.stage for a in self.attempts if a.state == AttemptState.RUNNING and a.stage]
        return stages[-1] if stages else None

    @property
    def eta_s(self) -> float | None:
        """Seconds until the frames are done at the present speed; None while nobody works on it."""
        fps = self.fps
        left = self.task.frames_total - self.task.frames_done
        return left / fps if fps else None


@dataclass(frozen=True, slots=True)
class StepPicture:
    """A step with the attempt that counts: the winner, else the furthest live one; and that node's name."""

    step: Steps
    attempt: Attempts | None
    node: str | None


def one(work: Work, task: Tasks) -> Picture:
    """The picture of one task, with its place in the queue."""
    before = tasks.waiting_before(work, task) if task.state == TaskState.WAITING else None
    return many(work, [task], before)[0]


def many(work: Work, rows: Sequence[Tasks], before: int | None = None) -> list[Picture]:
    """The pictures of a page of tasks, in two queries at most."""
    live: dict[str, list[Attempts]] = {}
    for attempt in attempts.holding_any(work, [r.id for r in rows if r.state == TaskState.PROCESSING]):
        live.setdefault(attempt.task_id, []).append(attempt)
    results: dict[str, list[Results]] = {}
    for result in artifacts.results(work, [r.id for r in rows if r.state == TaskState.COMPLETED]):
        results.setdefault(result.task_id, []).append(result)
    return [Picture(row, tuple(live.get(row.id, ())), tuple(results.get(row.id, ())), before) for row in rows]


def step_pictures(work: Work, task: Tasks) -> list[StepPicture]:
    """The steps of a task in the order of the video, with their nodes."""
    by_step: dict[str, list[Attempts]] = {}
    for tried in attempts.of_task(work, task.id):
        by_step.setdefault(tried.step_id, []).append(tried)
    names: dict[str, str] = {}
    pictures = []
    for step in steps.of_task(work, task.id):
        attempt = _counting(step, by_step.get(step.id, []))
        node = None
        if attempt is not None:
            if attempt.interface_id not in names:
                row = interfaces.get(work, attempt.interface_id)
                names[attempt.interface_id] = row.name if row is not None else ""
            node = names[attempt.interface_id]
        pictures.append(StepPicture(step, attempt, node))
    return pictures


def _counting(step: Steps, tried: Sequence[Attempts]) -> Attempts | None:
    if step.winner is not None:
        return next((a for a in tried if a.id == step.winner), None)
    live = [a for a in tried if a.state in (AttemptState.RUNNING, AttemptState.REPORTED)]
    return max(live, key=lambda a: a.frames_done, default=None)
