"""A file that arrives: under a temporary name until it is whole, bounded and hashed while it is written."""

import asyncio
import hashlib
from pathlib import Path
from threading import Lock
from typing import Final

from coordinator.errors import TooLarge
from coordinator.gateway import disk

BLOCK: Final = 1 << 20


class IncomingFile:
    """`open`, `write` and `flush`, then `keep` or `discard`; after `discard` nothing of it is on the disk.

    `path` is where the bytes are before they are kept.
    """

    def __init__(self, final: Path, limit: int) -> None:
        self.final = final
        self.path = disk.part_of(final)
        self.size = 0
        self._limit = limit
        self._digest = hashlib.sha256()
        self._buffer = bytearray()
        self._descriptor: int | None = None
        self._lock = Lock()  # a thread may still write when its caller was cancelled and closes

    @property
    def sha256(self) -> str:
        """Of all bytes, in hex; true after `flush()`."""
        return self._digest.hexdigest()

    async def open(self) -> None:
        """Make the file. DiskFull."""
        await asyncio.to_thread(self._open)

    async def write(self, chunk: bytes) -> None:
        """Add bytes. TooLarge: more than the limit. DiskFull: no room."""
        self.size += len(chunk)
        if self.size > self._limit:
            raise TooLarge(f"more than {self._limit} bytes", limit=self._limit)
        self._buffer += chunk
        if len(self._buffer) >= BLOCK:
            await self._spill(sync=False)

    async def flush(self) -> None:
        """Return when all bytes are on the disk."""
        await self._spill(sync=True)

    async def keep(self) -> None:
        """Give the file its final name, durably, and close it."""
        await self.flush()
        await asyncio.to_thread(self._keep)

    async def discard(self) -> None:
        """Close and remove it, also when it was kept; goes on when the caller is cancelled."""
        await asyncio.shield(asyncio.to_thread(self._discard))

    async def _spill(self, *, sync: bool) -> None:
        block, self._buffer = self._buffer, bytearray()
        await asyncio.to_thread(self._store, block, sync)

    def _open(self) -> None:
        with self._lock:
            self._descriptor = disk.create(self.path)

    def _store(self, block: bytearray, sync: bool) -> None:
        with self._lock:
            if self._descriptor is None:
                return
            self._digest.update(block)
            disk.write_all(self._descriptor, block)
            if sync:
                disk.sync(self._descriptor)

    def _keep(self) -> None:
        with self._lock:
            if self._descriptor is not None:
                disk.publish(self.path, self.final)
                self._close()

    def _discard(self) -> None:
        with self._lock:
            self._close()
            self.path.unlink(missing_ok=True)
            self.final.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._descriptor is not None:
            disk.close(self._descriptor)
            self._descriptor = None
