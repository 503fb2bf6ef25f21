"""Tasks as people see them: the row with what its attempts do now, its results, and its place in the queue."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from coordinator import errors
from coordinator.store import artifacts, attempts, interfaces, media, steps, tasks
from coordinator.store.schema import Json
from coordinator.store.tables import Artifacts, Attempts, Results, Steps, Tasks
from coordinator.store.work import Work
from protocol.states import AttemptState, Output, TaskState


@dataclass(frozen=True, slots=True)
class Picture:
    """A task with what belongs to it. `before` is known for a waiting task that was asked for alone; `nodes` are the
    names of those that work on it now."""

    task: Tasks
    attempts: tuple[Attempts, ...]
    results: tuple[Results, ...]
    before: int | None
    nodes: tuple[str, ...]
    now: float

    @property
    def fps(self) -> float | None:
        """Frames a second of all nodes that work on it, as they say."""
        speeds = [a.fps for a in self.attempts if a.state == AttemptState.RUNNING and a.fps]
        return sum(speeds) if speeds else None

    @property
    def stage(self) -> str | None:
        """What the furthest running attempt is doing; verify when the bytes of all are here."""
        stages = [a.stage for a in self.attempts if a.state == AttemptState.RUNNING and a.stage]
        if stages:
            return stages[-1]
        return "verify" if any(a.state == AttemptState.REPORTED for a in self.attempts) else None

    @property
    def eta_s(self) -> float | None:
        """Seconds until it is done: at the present speed, before that as it was predicted at its start; None while
        nobody works on it."""
        task, fps = self.task, self.fps
        if fps:
            return (task.frames_total - task.frames_done) / fps
        if task.state != TaskState.PROCESSING or task.first_eta_s is None or task.started_at is None:
            return None
        return max(0.0, task.first_eta_s - (self.now - task.started_at))


@dataclass(frozen=True, slots=True)
class StepPicture:
    """A step with the attempt that counts: the winner, else the furthest live one; and that node's name.

    `start` and `end` are seconds after the video's first frame, as far as they are known; `made` is the output to show
    of what a finished step left, while it is there.
    """

    step: Steps
    attempt: Attempts | None
    node: str | None
    start: float | None
    end: float | None
    made: Artifacts | None


@dataclass(frozen=True, slots=True)
class Made:
    """What the winner of a step made in one output, with its step and task."""

    task: Tasks
    step: Steps
    made: Artifacts


def part(work: Work, task_id: str, step_id: str, output: str) -> Made:
    """One output of a finished step. NotFound: no such step, not finished, or its files are gone."""
    task, step = tasks.get(work, task_id), steps.get(work, step_id)
    if task is not None and step is not None and step.task_id == task_id and step.winner is not None:
        made = artifacts.get(work, step.winner, output)
        if made is not None:
            return Made(task, step, made)
    raise errors.NotFound(kind="part", id=step_id, output=output)


def one(work: Work, task: Tasks) -> Picture:
    """The picture of one task, with its place in the queue."""
    before = tasks.waiting_before(work, task) if task.state == TaskState.WAITING else None
    return many(work, [task], before)[0]


def many(work: Work, rows: Sequence[Tasks], before: int | None = None) -> list[Picture]:
    """The pictures of a page of tasks, in three queries at most."""
    live: dict[str, list[Attempts]] = {}
    for attempt in attempts.holding_any(work, [r.id for r in rows if r.state == TaskState.PROCESSING]):
        live.setdefault(attempt.task_id, []).append(attempt)
    results: dict[str, list[Results]] = {}
    for result in artifacts.results(work, [r.id for r in rows if r.state == TaskState.COMPLETED]):
        results.setdefault(result.task_id, []).append(result)
    names = interfaces.names(work, {attempt.interface_id for held in live.values() for attempt in held})
    return [
        Picture(
            task=row,
            attempts=tuple(live.get(row.id, ())),
            results=tuple(results.get(row.id, ())),
            before=before,
            nodes=tuple(sorted({names[attempt.interface_id] for attempt in live.get(row.id, ())})),
            now=work.now,
        )
        for row in rows
    ]


def step_pictures(work: Work, task: Tasks) -> list[StepPicture]:
    """The steps of a task in the order of the video, with their nodes."""
    by_step: dict[str, list[Attempts]] = {}
    for tried in attempts.of_task(work, task.id):
        by_step.setdefault(tried.step_id, []).append(tried)
    rows = steps.of_task(work, task.id)
    counting = [_counting(row, by_step.get(row.id, [])) for row in rows]
    names = interfaces.names(work, {attempt.interface_id for attempt in counting if attempt is not None})
    shown = _shown(work, task)
    clock = _clock(work, task, rows)
    return [
        StepPicture(
            step=row,
            attempt=attempt,
            node=names[attempt.interface_id] if attempt is not None else None,
            start=clock.start(row),
            end=clock.end(row),
            made=shown.get(row.winner or ""),
        )
        for row, attempt in zip(rows, counting, strict=True)
    ]


def _shown(work: Work, task: Tasks) -> dict[str, Artifacts]:
    """By winner, the first of its outputs in the order that people want them."""
    order = sorted(task.outputs, key=lambda name: name != Output.COMPOSITE)
    shown: dict[str, Artifacts] = {}
    for made in sorted(artifacts.of_winners(work, task.id), key=lambda made: order.index(made.output)):
        shown.setdefault(made.attempt_id, made)
    return shown


@dataclass(frozen=True, slots=True)
class _Clock:
    """From timestamps to seconds after the video's first frame."""

    origin: int | None
    duration: float | None

    def start(self, step: Steps) -> float | None:
        """When the first frame of a step is shown."""
        plan = step.plan or {}
        pts = plan.get("start_pts") if plan.get("start_pts") is not None else plan.get("first_pts")
        return self._seconds(plan, pts)

    def end(self, step: Steps) -> float | None:
        """When the next step's first frame is shown, or when the video ends."""
        plan = step.plan or {}
        if not plan or plan.get("end_pts") is not None:
            return self._seconds(plan, plan.get("end_pts"))
        return self.duration if self.duration is not None else self._seconds(plan, plan.get("last_pts"))

    def _seconds(self, plan: Json, pts: int | None) -> float | None:
        if not plan:
            return None
        if pts is None or self.origin is None:
            return 0.0
        return float((pts - self.origin) * Fraction(plan["time_base"]))


def _clock(work: Work, task: Tasks, rows: Sequence[Steps]) -> _Clock:
    source = media.get(work, task.source_id or "")
    if source is not None:
        return _Clock(source.facts.get("first_pts"), source.duration)
    return _Clock(next((row.plan.get("first_pts") for row in rows if row.plan), None), None)


def _counting(step: Steps, tried: Sequence[Attempts]) -> Attempts | None:
    if step.winner is not None:
        return next((a for a in tried if a.id == step.winner), None)
    live = [a for a in tried if a.state in (AttemptState.RUNNING, AttemptState.REPORTED)]
    return max(live, key=lambda a: a.frames_done, default=None)
