"""The parts of an `assemble` step on this machine: its own where they are right, the others fetched."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from interface_node.coordinator_client.client import CoordinatorClient
from interface_node.jobs import transfers
from interface_node.jobs.attempt import Attempt
from interface_node.jobs.meters import Meters
from interface_node.jobs.parts import PartStore
from interface_node.jobs.work import Made, Progress
from interface_node.pipeline.joint import PartFile
from protocol.states import Output, StepKind
from protocol.work import Assignment, Part, Source

AT_ONCE: Final = 4
"""Parts that are fetched or checked at the same time: most are small, and a round trip costs more than they do."""
T = TypeVar("T")


class Gathering:
    """Collects parts in their order, held as long as `files` stays open."""

    def __init__(self, client: CoordinatorClient, store: PartStore, meters: Meters) -> None:
        self._client = client
        self._store = store
        self._meters = meters

    async def keep(self, assignment: Assignment, made: tuple[Made, ...]) -> None:
        """Keep the uploaded outputs of a segment for the joining, should it come to this node."""
        span = assignment.range
        if assignment.kind == StepKind.SEGMENT and span and (span.start_pts, span.end_pts) != (None, None):
            await self._store.keep(assignment.task_id, made)

    async def parts(self, attempt: Attempt, files: contextlib.AsyncExitStack) -> Mapping[Output, tuple[PartFile, ...]]:
        """Every part of the attempt's assignment. Gone, DownloadFailed, SourceMismatch and DiskFull as `transfers`."""
        parts = attempt.assignment.parts
        tally = _Tally(attempt, parts)
        free = asyncio.Semaphore(AT_ONCE)

        async def held(place: int) -> PartFile:
            async with free:
                part = parts[place]
                fetch = self._fetch(attempt.assignment, part, tally.of(place))
                path = await files.enter_async_context(self._store.hold(attempt.assignment.task_id, part, fetch))
                tally.of(place)(part.size, part.size)
                return PartFile(path, part.frames)

        here = await _all([held(place) for place in range(len(parts))])
        outputs: defaultdict[Output, list[PartFile]] = defaultdict(list)
        for part, file in zip(parts, here, strict=True):
            outputs[part.output].append(file)
        return {output: tuple(found) for output, found in outputs.items()}

    def _fetch(self, assignment: Assignment, part: Part, moved: transfers.Moved) -> Callable[[Path], Awaitable[None]]:
        source = Source(url=part.url, etag=part.sha256, sha256=part.sha256, size=part.size)

        async def fetch(path: Path) -> None:
            await transfers.fetch(self._client, source, assignment.attempt_token, path, assignment.lease_s, moved)
            self._meters.fetched.inc(part.size)

        return fetch


class _Tally:
    """How many bytes of all parts are here."""

    def __init__(self, attempt: Attempt, parts: Sequence[Part]) -> None:
        self._attempt = attempt
        self._total = sum(part.size for part in parts)
        self._done = [0] * len(parts)

    def of(self, place: int) -> transfers.Moved:
        """What the fetching of one part calls."""

        def moved(done: int, _size: int) -> None:
            self._done[place] = done
            self._attempt.stage(Progress("fetch", sum(self._done), self._total))

        return moved


async def _all(calls: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """The results in order; the first error ends the other calls."""
    tasks = [asyncio.create_task(call) for call in calls]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
