"""Reported attempts to the probe: bytes are believed when they agree with the plan.

If it dies: attempts stay `reported`; the tick and the next start look for them again.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from coordinator.domain.media import VideoFacts
from coordinator.domain.news import AttemptReported
from coordinator.domain.verification import Disagreement, Expected, check, count_sounds, within
from coordinator.errors import MediaError, NotFound, StorageUnavailable
from coordinator.gateway.probe.pool import ProbedArtifact
from coordinator.services import outcomes
from coordinator.services.context import Context
from coordinator.store import artifacts, attempts, media, steps, tasks
from coordinator.store.tables import Artifacts, Media, Steps, Tasks
from coordinator.store.work import Work
from protocol.states import AttemptState, Output, StepKind
from protocol.work import FrameRange

log = logging.getLogger(__name__)
AGAIN_S = 1.0
LONG = 20_000
"""Frames whose times are compared beside the event loop."""


@dataclass(frozen=True, slots=True)
class _Case:
    attempt_id: str
    task: Tasks
    step: Steps
    source: Media
    files: tuple[Artifacts, ...]

    @property
    def plan(self) -> FrameRange | None:
        """The frames that the step was to make."""
        return FrameRange.model_validate(self.step.plan) if self.step.plan else None


class Verifier:
    """A queue of attempts and as many workers as there are probe processes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._known: set[str] = set()

    def hear(self, news: object) -> None:
        """The feed's listener."""
        if isinstance(news, AttemptReported):
            self.add(news.attempt_id)

    def add(self, attempt_id: str) -> None:
        """Verify this attempt, once."""
        if attempt_id not in self._known:
            self._known.add(attempt_id)
            self._queue.put_nowait(attempt_id)

    async def look(self) -> None:
        """Find what was reported while nobody listened."""
        for attempt_id in await self._context.database.read(attempts.reported):
            self.add(attempt_id)

    async def run(self) -> None:
        """One worker, until cancelled."""
        while True:
            attempt_id = await self._queue.get()
            try:
                await self._verify(attempt_id)
            except StorageUnavailable:
                await asyncio.sleep(AGAIN_S)
            except Exception:
                log.exception("verification_failed", extra={"attempt_id": attempt_id})
                await asyncio.sleep(AGAIN_S)
            finally:
                self._known.discard(attempt_id)

    async def _verify(self, attempt_id: str) -> None:
        context = self._context
        case = await context.database.read(lambda work: _case(work, attempt_id))
        if case is None:
            await context.database.write(lambda work: outcomes.discard(work, context.rules, attempt_id))
            return
        wrong, kinds, extradata = await self._examine(case)
        if wrong is None:
            await context.database.write(
                lambda work: outcomes.complete(work, context.rules, attempt_id, kinds, extradata)
            )
        else:
            await context.database.write(
                lambda work: outcomes.refute(work, context.rules, attempt_id, wrong.code, wrong.detail)
            )

    async def _examine(self, case: _Case) -> tuple[Disagreement | None, Mapping[str, str], str | None]:
        kinds: dict[str, str] = {}
        extradata: str | None = None
        times = await self._times(case)
        for file in case.files:
            output = Output(file.output)
            path = self._context.files.result(case.task.id, case.step.id, case.attempt_id, output)
            try:
                found = await self._context.probes.artifact(path)
            except MediaError as error:
                return Disagreement(f"artifact_{error.code}", str(error)), kinds, None
            except OSError as error:
                return Disagreement("artifact_missing", error.strerror or "the file is not there"), kinds, None
            if (found.size, found.sha256) != (file.size, file.sha256):
                return Disagreement("artifact_mismatch", "The bytes are not those that were reported"), kinds, None
            expected = _expected(case, output, times)
            wrong = await _compared(expected, found)
            if wrong is not None:
                return wrong, kinds, None
            kinds[file.output] = found.facts.content_type
            if output is Output.COMPOSITE and isinstance(found.facts, VideoFacts):
                extradata = found.facts.extradata_sha256
        return None, kinds, extradata

    async def _times(self, case: _Case) -> Sequence[int]:
        """When the step's frames are shown in the source; nothing where that is not known."""
        if case.plan is None or case.plan.first_pts is None or case.step.kind == StepKind.IMAGE:
            return ()
        try:
            known = await self._context.files.times_of(case.source.id, case.source.kind)
        except NotFound:
            return ()
        return within(known.pts, case.plan)


async def _compared(expected: Expected, found: ProbedArtifact) -> Disagreement | None:
    if len(found.pts) < LONG:
        return check(expected, found.facts, found.pts)
    return await asyncio.to_thread(check, expected, found.facts, found.pts)


def _case(work: Work, attempt_id: str) -> _Case | None:
    attempt = attempts.get(work, attempt_id)
    if attempt is None or attempt.state != AttemptState.REPORTED:
        return None
    step, task = steps.get(work, attempt.step_id), tasks.get(work, attempt.task_id)
    source = media.get(work, task.source_id or "") if task is not None else None
    if step is None or task is None or source is None:
        return None
    return _Case(attempt_id, task, step, source, tuple(artifacts.of_attempt(work, attempt_id)))


def _expected(case: _Case, output: Output, times: Sequence[int]) -> Expected:
    facts = case.source.facts
    return Expected(
        kind=StepKind(case.step.kind),
        output=output,
        range=case.plan,
        width=int(facts["width"]),
        height=int(facts["height"]),
        sar=Fraction(facts.get("sar") or 1),
        extradata_sha256=_fixed(case) if output is Output.COMPOSITE else None,
        pts=times,
        sounds=count_sounds(facts["streams"]) if "streams" in facts else None,
    )


def _fixed(case: _Case) -> str | None:
    """A joined file must have its parts' parameter sets; those of a segment are weighed under the task's lock."""
    return case.task.extradata_sha256 if case.step.kind == StepKind.ASSEMBLE else None
