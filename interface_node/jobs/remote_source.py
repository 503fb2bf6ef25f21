"""A source that stays with the coordinator: only the blocks that are read come here."""

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Callable
from typing import Final

from interface_node.coordinator_client.answers import Download, NotKnown, Refused, Unreachable, quoted
from interface_node.coordinator_client.client import CoordinatorClient
from interface_node.errors import Cancelled, DownloadFailed, SourceMismatch
from interface_node.jobs import backoff
from interface_node.jobs.attempt import Attempt, Stopped
from interface_node.jobs.block_reader import BlockReader
from interface_node.jobs.blocks import BLOCK_BYTES
from interface_node.jobs.shared_source import SharedSource

LOOK_S: Final = 0.2
MOST_RUNS: Final = 2
FILL_BLOCKS: Final = 64 * 1024 * 1024 // BLOCK_BYTES

Landed = Callable[[int], None]
"""Called with the bytes of each block that was kept, and with 0 when a read begins to wait for one."""


class RemoteSource:
    """The source of one attempt, fetched with its token. `open`, `need` and `ahead` are for the worker thread.

    Gone when the attempt is over; DownloadFailed when the coordinator does not give the bytes that were asked for;
    SourceMismatch when they are of another file; DiskFull. A connection that breaks is tried again as long as the
    attempt is let.
    """

    def __init__(self, client: CoordinatorClient, attempt: Attempt, shared: SharedSource, landed: Landed) -> None:
        self.name = "source"
        self.size = shared.source.size
        self.shared = shared
        self._client = client
        self._attempt = attempt
        self._landed = landed
        self._loop = asyncio.get_running_loop()
        self._runs: set[asyncio.Task[None]] = set()

    def open(self) -> BlockReader:
        """A reader at the beginning."""
        return BlockReader(self.shared.blocks, self, self.shared.raise_if_failed)

    def need(self, index: int, end: int) -> None:
        """Wait until a block is there; those after it, before `end`, follow. Cancelled when the attempt is stopped."""
        if self._attempt.cancelled.is_set():
            raise Cancelled("cancelled while the source was read")
        future = asyncio.run_coroutine_threadsafe(self._starved(index, end), self._loop)
        while not concurrent.futures.wait([future], LOOK_S).done:
            if self._attempt.cancelled.is_set():
                future.cancel()
        try:
            future.result()
        except (Stopped, concurrent.futures.CancelledError) as error:
            raise Cancelled("cancelled while the source was read") from error

    def ahead(self, first: int, end: int) -> None:
        """Begin to fetch what will probably be read next, unless something is on its way already."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends
            self._loop.call_soon_threadsafe(self._begin_ahead, first, end)

    async def fill(self) -> None:
        """Fetch all that is missing and check it: afterwards the file lies at the cache's own path."""
        while (at := self.shared.blocks.missing(0, self.shared.blocks.count)) is not None:
            await self._ensure(at, at + FILL_BLOCKS)
        await self.shared.checked()

    async def close(self) -> None:
        """Stop fetching."""
        for run in self._runs:
            run.cancel()
        await asyncio.gather(*self._runs, return_exceptions=True)

    async def _starved(self, index: int, end: int) -> None:
        self._attempt.starved += 1
        self._landed(0)
        try:
            await self._attempt.unless_stopped(self._ensure(index, end))
        finally:
            self._attempt.starved -= 1

    async def _ensure(self, index: int, end: int) -> None:
        while not self.shared.blocks.has(index):
            self.shared.raise_if_failed()
            if self.shared.is_coming(index):
                await self.shared.settled(index)
                continue
            run = self._begin(index, end)
            self._runs.add(run)
            await self.shared.settled(index)
            if run.done():
                run.result()

    def _begin_ahead(self, first: int, end: int) -> None:
        at = self.shared.blocks.missing(first, end)
        if (
            at is not None
            and len(self._runs) < MOST_RUNS
            and not self.shared.is_coming(at)
            and self.shared.failed is None
        ):
            self._runs.add(self._begin(at, end))

    def _begin(self, first: int, end: int) -> asyncio.Task[None]:
        claimed = self.shared.claim(first, end)
        run = asyncio.create_task(self._run(claimed), name="fetch blocks")

        def ended(_: asyncio.Task[None]) -> None:
            self._runs.discard(run)
            self.shared.release(claimed)
            if not run.cancelled():  # who needs a block that did not come asks again, and hears why not then
                run.exception()

        run.add_done_callback(ended)
        return run

    async def _run(self, run: range) -> None:
        await self.shared.make_room(run)
        await self._fetch(run)
        await self.shared.checked()

    async def _fetch(self, run: range) -> None:
        most_s = backoff.limit(self._attempt.assignment.lease_s)
        waits = backoff.waits(most_s)
        while (at := self.shared.blocks.missing(run.start, run.stop)) is not None:
            try:
                await self._fetch_once(range(at, run.stop))
            except Unreachable:
                if self.shared.blocks.has(at):
                    waits = backoff.waits(most_s)
                await asyncio.sleep(next(waits))
            except (NotKnown, Refused) as error:
                raise DownloadFailed(f"the coordinator does not give the source: {error}") from error

    async def _fetch_once(self, run: range) -> None:
        source, token = self.shared.source, self._attempt.assignment.attempt_token
        start, end = run.start * BLOCK_BYTES, min(run.stop * BLOCK_BYTES, self.size)
        async with self._client.download(source.url, token, start, source.etag, end) as answer:
            self._check(answer, start, end)
            await self._land(run, answer)

    def _check(self, answer: Download, start: int, end: int) -> None:
        source = self.shared.source
        if answer.etag is not None and answer.etag != quoted(source.etag):
            raise SourceMismatch(f"the source is now {answer.etag}, the assignment says {quoted(source.etag)}")
        if answer.total not in (None, source.size):
            raise SourceMismatch(f"the source has {answer.total} bytes, the assignment says {source.size}")
        if not answer.partial and end - start != source.size:
            raise DownloadFailed(f"the whole file came instead of bytes {start} to {end}")
        if answer.start != start:
            raise DownloadFailed(f"bytes from {start} on were asked for, those from {answer.start} on came")

    async def _land(self, run: range, answer: Download) -> None:
        blocks, index, held = self.shared.blocks, run.start, bytearray()
        async for chunk in answer.chunks:
            held += chunk
            while index < run.stop and len(held) >= (length := blocks.length(index)):
                await self._keep(index, bytes(held[:length]))
                del held[:length]
                index += 1
            if index == run.stop:
                return
        raise Unreachable("the connection ended before the range did")

    async def _keep(self, index: int, data: bytes) -> None:
        """To its end, also when the attempt ends meanwhile: a block that is being written will be there, and counts."""

        async def land() -> None:
            await self.shared.land(index, data)
            self._landed(len(data))

        landing = asyncio.ensure_future(land())
        try:
            await asyncio.shield(landing)
        finally:
            await asyncio.wait([landing])
