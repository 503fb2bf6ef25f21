"""One source that several attempts fetch blocks of, and what is checked once all of it is there."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from interface_node.errors import SourceMismatch
from interface_node.jobs.blocks import BLOCK_BYTES, BlockFile
from protocol.work import Source

_log = structlog.get_logger(__name__)


class SharedSource:
    """Who fetches which block. Belongs to the event loop; `blocks` may be read by any thread.

    When the last block arrives, the sha256 is taken and the file becomes the whole one at `path`, or is removed.
    """

    def __init__(self, source: Source, path: Path, make_room: Callable[[int], None]) -> None:
        self.source = source
        self.path = path
        self.blocks = BlockFile(path, source.size)
        self.failed: str | None = None
        self._make_room = make_room
        self._coming: dict[int, asyncio.Event] = {}
        self._finishing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Take what an earlier run left."""
        await asyncio.to_thread(self.blocks.open)

    async def close(self) -> None:
        """Keep what is there for the next time. Nobody reads any more."""
        if self._finishing is not None:
            await self._finishing
        try:
            await asyncio.to_thread(self.blocks.save)
        finally:
            await asyncio.to_thread(self.blocks.close)

    def is_coming(self, index: int) -> bool:
        """Whether somebody fetches the block."""
        return index in self._coming

    async def settled(self, index: int) -> None:
        """Wait until a block that somebody fetches has arrived, or will not."""
        event = self._coming.get(index)
        if event is not None:
            await event.wait()

    def claim(self, first: int, end: int) -> range:
        """The blocks from `first` on, before `end`, that are neither there nor fetched: they are the caller's now."""
        stop = first
        while stop < min(end, self.blocks.count) and not self.blocks.has(stop) and stop not in self._coming:
            self._coming[stop] = asyncio.Event()
            stop += 1
        return range(first, stop)

    def release(self, run: range) -> None:
        """Give back what was claimed, arrived or not."""
        for index in run:
            event = self._coming.pop(index, None)
            if event is not None:
                event.set()

    async def make_room(self, run: range) -> None:
        """Let the longest unused sources go where there is no room for these blocks."""
        await asyncio.to_thread(self._make_room, len(run) * BLOCK_BYTES)

    async def land(self, index: int, data: bytes) -> None:
        """Keep a block that arrived. DiskFull when there is no room."""
        await asyncio.to_thread(self.blocks.write, index, data)
        self.release(range(index, index + 1))

    def raise_if_failed(self) -> None:
        """SourceMismatch once the whole turned out to be something else."""
        if self.failed is not None:
            raise SourceMismatch(self.failed)

    async def checked(self) -> None:
        """Check the whole once it is there. SourceMismatch when it is something else; what was read of it is void."""
        if self.blocks.complete:
            if self._finishing is None:
                self._finishing = asyncio.create_task(self._finish())
            await asyncio.shield(self._finishing)
        self.raise_if_failed()

    async def _finish(self) -> None:
        wanted = self.source.sha256
        found = await asyncio.to_thread(self.blocks.sha256)
        if found == wanted:
            await asyncio.to_thread(self.blocks.publish, self.path)
            _log.info("source_whole", sha256=wanted, size=self.source.size)
            return
        self.failed = f"the source has sha256 {found}, the assignment says {wanted}"
        await asyncio.to_thread(self.blocks.remove)
