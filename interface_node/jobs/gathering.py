"""The parts of an `assemble` step on this machine: its own where they are right, the others fetched."""

import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from interface_node.coordinator_client.client import CoordinatorClient
from interface_node.jobs import transfers
from interface_node.jobs.attempt import Attempt
from interface_node.jobs.meters import Meters
from interface_node.jobs.parts import PartStore
from interface_node.jobs.work import Made, Progress
from interface_node.pipeline.joint import PartFile
from protocol.states import Output, StepKind
from protocol.work import Assignment, Part, Source


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
        assignment = attempt.assignment
        total = sum(part.size for part in assignment.parts)
        found: defaultdict[Output, list[PartFile]] = defaultdict(list)
        before = 0
        for part in assignment.parts:
            fetch = self._fetch(attempt, part, before, total)
            path = await files.enter_async_context(self._store.hold(assignment.task_id, part, fetch))
            found[part.output].append(PartFile(path, part.frames))
            before += part.size
            attempt.stage(Progress("fetch", before, total))
        return {output: tuple(parts) for output, parts in found.items()}

    def _fetch(self, attempt: Attempt, part: Part, before: int, total: int) -> Callable[[Path], Awaitable[None]]:
        assignment = attempt.assignment
        source = Source(url=part.url, etag=part.sha256, sha256=part.sha256, size=part.size)

        def moved(done: int, _size: int) -> None:
            attempt.stage(Progress("fetch", before + done, total))

        async def fetch(path: Path) -> None:
            await transfers.fetch(self._client, source, assignment.attempt_token, path, assignment.lease_s, moved)
            self._meters.fetched.inc(part.size)

        return fetch
