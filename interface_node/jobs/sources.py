"""The files of an attempt: fetched whole, or read in part where a step needs only some of a large one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from interface_node.coordinator_client.client import CoordinatorClient
from interface_node.jobs import transfers
from interface_node.jobs.attempt import Attempt
from interface_node.jobs.cache import SourceCache
from interface_node.jobs.meters import Meters
from interface_node.jobs.remote_source import RemoteSource
from interface_node.jobs.work import Progress
from interface_node.pipeline.container import Media
from protocol.states import StepKind
from protocol.work import Assignment, Source

SMALL_BYTES: Final = 8 * 1024 * 1024
"""Up to here one request for all of a file costs no more than several for its parts."""
_BEFORE_FRAMES: Final = frozenset({"fetch", "load"})


class Sources:
    """Opens files of attempts; all attempts of a node share what was fetched. `small_bytes` are fetched at once."""

    def __init__(
        self, client: CoordinatorClient, cache: SourceCache, meters: Meters, small_bytes: int = SMALL_BYTES
    ) -> None:
        self._client = client
        self._cache = cache
        self._meters = meters
        self._small_bytes = small_bytes

    @asynccontextmanager
    async def source(self, attempt: Attempt) -> AsyncIterator[Media]:
        """The source of a step: what is read of it is fetched, or all of it where all will be read.

        SourceMismatch at the end of the block when it became whole meanwhile and turned out to be something else.
        """
        source = attempt.assignment.source
        if source.size <= self._small_bytes or not reads_part(attempt.assignment):
            async with self.file(attempt, source) as path:
                yield path
            return
        async with self._shared(attempt, source) as found:
            yield found
            if isinstance(found, RemoteSource):
                await attempt.unless_stopped(found.shared.checked())

    @asynccontextmanager
    async def file(self, attempt: Attempt, source: Source) -> AsyncIterator[Path]:
        """A whole file with its sha256, kept while the block runs. A large one is fetched in blocks, so that what a
        break, a restart or another step left of it counts."""
        if source.size <= self._small_bytes:
            async with self._cache.hold(source, lambda path: self._fetch(attempt, source, path)) as path:
                yield path
            return
        async with self._shared(attempt, source) as found:
            if isinstance(found, RemoteSource):
                await found.fill()
                yield found.shared.path
            else:
                yield found

    @asynccontextmanager
    async def _shared(self, attempt: Attempt, source: Source) -> AsyncIterator[Path | RemoteSource]:
        async with self._cache.share(source) as found:
            if isinstance(found, Path):
                yield found
                return
            blocks = found.blocks

            def landed(length: int) -> None:
                self._meters.fetched.inc(length)
                if attempt.progress.stage in _BEFORE_FRAMES:
                    attempt.stage(Progress("fetch", blocks.held, blocks.size))

            remote = RemoteSource(self._client, attempt, found, landed)
            try:
                yield remote
            finally:
                await remote.close()

    async def _fetch(self, attempt: Attempt, source: Source, path: Path) -> None:
        def moved(done: int, total: int) -> None:
            attempt.stage(Progress("fetch", done, total))

        assignment = attempt.assignment
        await transfers.fetch(self._client, source, assignment.attempt_token, path, assignment.lease_s, moved)
        self._meters.fetched.inc(source.size)


def reads_part(assignment: Assignment) -> bool:
    """Whether a step reads some frames of a longer video. What joins or makes a whole one reads all of it."""
    span = assignment.range
    match assignment.kind:
        case StepKind.SEGMENT:
            return span is not None and not (span.start_pts is None and span.end_pts is None)
        case StepKind.IMAGE:
            return span is not None
        case StepKind.ASSEMBLE:
            return False
