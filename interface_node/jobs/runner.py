"""An accepted attempt from its source to its outcome: fetch, work, upload, and the letter that says how it ended."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

from interface_node.coordinator_client.answers import Gone
from interface_node.coordinator_client.client import CoordinatorClient
from interface_node.errors import Cancelled, NodeError, NoProgress
from interface_node.jobs import loops, reporter, threads, transfers
from interface_node.jobs.attempt import Attempt, Stopped
from interface_node.jobs.desk import Desk
from interface_node.jobs.ending import UNHEALTHY_EXIT, Ending
from interface_node.jobs.gathering import Gathering
from interface_node.jobs.meters import Meters
from interface_node.jobs.outbox import Letter, Outbox
from interface_node.jobs.reporter import Reporter
from interface_node.jobs.sources import Sources
from interface_node.jobs.work import Made, Order, Progress, Result, Work
from protocol.reports import Artifact, Callback, CallbackKind
from protocol.reports import NodeError as ReportedError
from protocol.states import ErrorClass
from protocol.work import ImageBackground, VideoBackground

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended, before it becomes a letter."""

    kind: CallbackKind
    provider: str | None = None
    error: ReportedError | None = None
    artifacts: tuple[Artifact, ...] = ()


class Runner:
    """Runs attempts in tasks of their own."""

    def __init__(
        self,
        *,
        client: CoordinatorClient,
        work: Work,
        desk: Desk,
        outbox: Outbox,
        sources: Sources,
        gathering: Gathering,
        reports: Reporter,
        ending: Ending,
        meters: Meters,
        directory: Path,
        boot_id: str,
        stuck_s: float,
    ) -> None:
        self._client = client
        self._work = work
        self._desk = desk
        self._outbox = outbox
        self._sources = sources
        self._gathering = gathering
        self._reports = reports
        self._ending = ending
        self._meters = meters
        self._directory = directory
        self._boot_id = boot_id
        self._stuck_s = stuck_s
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, attempt: Attempt) -> None:
        """Begin an attempt."""
        task = asyncio.create_task(self._run(attempt), name=f"attempt {attempt.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Give up what runs, without a word; the process is about to end."""
        for attempt in list(self._desk.attempts.values()):
            attempt.stop("drop")
        await loops.end(list(self._tasks))

    async def _run(self, attempt: Attempt) -> None:
        with bound_contextvars(attempt_id=attempt.id, task_id=attempt.assignment.task_id):
            self._meters.running.inc()
            try:
                async with self._reported(attempt):
                    outcome = await self._outcome(attempt)
                if outcome is not None:
                    await asyncio.shield(self._outbox.put(self._letter(attempt, outcome)))
                self._count(attempt, outcome)
            finally:
                self._meters.running.dec()
                self._desk.finished(attempt)

    @asynccontextmanager
    async def _reported(self, attempt: Attempt) -> AsyncIterator[None]:
        provider = self._work.provider
        report = asyncio.create_task(loops.forever("report", lambda: self._reports.run(attempt, provider)))
        try:
            yield
        finally:
            report.cancel()
            await asyncio.gather(report, return_exceptions=True)

    async def _outcome(self, attempt: Attempt) -> Outcome | None:
        """How it ended; None when nobody wants to know."""
        try:
            return await self._completed(attempt)
        except (Stopped, Cancelled):
            return _told(attempt)
        except Gone:
            attempt.stop("drop")
            return None
        except NodeError as error:
            _log.warning("attempt_failed", code=error.code, why=error.detail)
            return _failed(error)
        except Exception as error:  # noqa: BLE001 - the edge of the attempt's task: whatever broke, its end is reported
            _log.exception("attempt_broke")
            detail = f"{type(error).__name__}: {error}"[:2000]
            broken = ReportedError(code="internal", detail=detail, error_class=ErrorClass.INTERNAL)
            return Outcome("failed", error=broken)

    async def _completed(self, attempt: Attempt) -> Outcome:
        directory = self._directory / attempt.id
        try:
            async with contextlib.AsyncExitStack() as files:
                order = await attempt.unless_stopped(self._order(attempt, directory, files))
                result = await self._worked(attempt, order)
            artifacts = await attempt.unless_stopped(self._uploaded(attempt, result))
            await self._gathering.keep(attempt.assignment, result.made)
            return Outcome("completed", result.provider, artifacts=artifacts)
        finally:
            await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)

    async def _order(self, attempt: Attempt, directory: Path, files: contextlib.AsyncExitStack) -> Order:
        assignment = attempt.assignment
        await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
        source = await files.enter_async_context(self._sources.source(attempt))
        background = None
        if not attempt.light and isinstance(assignment.background, ImageBackground | VideoBackground):
            background = await files.enter_async_context(self._sources.file(attempt, assignment.background.source))
        parts = await self._gathering.parts(attempt, files)
        return Order(assignment, source, background, directory, attempt.slot, parts)

    async def _worked(self, attempt: Attempt, order: Order) -> Result:
        """Run the pipeline in a thread. A thread that ignores its cancel makes the whole node unfit."""
        attempt.stage(Progress("load"))
        future = threads.run(lambda: self._work.run(order, attempt.report, attempt.cancelled), f"work {attempt.id}")
        stopping = asyncio.create_task(attempt.stopped())
        waiting: set[asyncio.Future[Any]] = {future, stopping}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not future.done():
                leaving = attempt.reason == "release" and self._ending.begun.is_set()
                await asyncio.wait({future}, timeout=min(1.0, self._stuck_s) if leaving else self._stuck_s)
                if not future.done() and not leaving:
                    self._ending.end(UNHEALTHY_EXIT, f"the thread of attempt {attempt.id} ignores its cancel.")
        finally:
            stopping.cancel()
        if attempt.reason is not None:
            future.add_done_callback(_swallow)
            raise Stopped
        return future.result()

    async def _uploaded(self, attempt: Attempt, result: Result) -> tuple[Artifact, ...]:
        return tuple([await self._artifact(attempt, made) for made in result.made])

    async def _artifact(self, attempt: Attempt, made: Made) -> Artifact:
        assignment = attempt.assignment
        url, token = assignment.upload_urls[made.output], assignment.attempt_token

        def moved(done: int, total: int) -> None:
            attempt.stage(Progress("upload", done, total))

        moved(0, made.size)
        await transfers.upload(self._client, url, token, made.path, made.size, assignment.lease_s, moved)
        self._meters.uploaded.inc(made.size)
        return Artifact(
            output=made.output,
            sha256=made.sha256,
            size=made.size,
            frames=made.frames,
            duration=made.duration,
            extradata_sha256=made.extradata_sha256,
            first_pts=made.first_pts,
            last_pts=made.last_pts,
        )

    def _letter(self, attempt: Attempt, outcome: Outcome) -> Letter:
        said: Callback = reporter.callback(attempt, self._boot_id, outcome.kind)
        update = {"provider": outcome.provider, "error": outcome.error, "artifacts": outcome.artifacts}
        assignment = attempt.assignment
        ends_task = assignment.task_id if attempt.light and outcome.kind == "completed" else None
        return Letter(
            url=assignment.callback_url,
            lease_s=assignment.lease_s,
            callback=said.model_copy(update=update),
            ends_task=ends_task,
        )

    def _count(self, attempt: Attempt, outcome: Outcome | None) -> None:
        kind = outcome.kind if outcome is not None else "dropped"
        seconds = time.monotonic() - attempt.began
        self._meters.attempts.labels(kind).inc()
        self._meters.seconds.observe(seconds)
        if kind == "completed":
            self._meters.frames.inc(attempt.progress.frames_done)
        _log.info("attempt_ended", outcome=kind, seconds=round(seconds, 3), frames=attempt.progress.frames_done)


def _swallow(future: asyncio.Future[Result]) -> None:
    """The result of a stopped thread interests nobody; asking for its exception keeps the loop from complaining."""
    if not future.cancelled():
        future.exception()


def _told(attempt: Attempt) -> Outcome | None:
    match attempt.reason:
        case "drop":
            return None
        case "release":
            return Outcome("released")
        case "stall":
            stage = attempt.progress.stage
            return _failed(NoProgress(f"the stage {stage} stood still for longer than allowed"))
        case _:
            return Outcome("cancelled")


def _failed(error: NodeError) -> Outcome:
    detail = error.detail[:2000]
    said = ReportedError(code=error.code, detail=detail, error_class=error.error_class, retryable=error.retryable)
    return Outcome("failed", error=said)
