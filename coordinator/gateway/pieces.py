"""Files that nodes send up in pieces. The length of the file is the truth: no row remembers it, no restart forgets it.

A file grows as `output.part` and is renamed when its last byte is synced. A lock on the file itself keeps a second
writer out, be it of this process or of another replica on the same disk.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from pathlib import Path
from threading import Lock
from typing import Final

from coordinator.errors import ArtifactTooLarge, WrongOffset
from coordinator.gateway import disk

BLOCK: Final = 1 << 20


def received(path: Path) -> int:
    """How many bytes of the file are durable."""
    for candidate in (path, disk.part_of(path)):
        try:
            return candidate.stat().st_size
        except FileNotFoundError:
            continue
    return 0


async def append_piece(path: Path, offset: int, total: int, stream: AsyncIterator[bytes]) -> int:
    """Add what the stream gives at `offset` of a file of `total` bytes; the new length, durable.

    The whole file lies at `path` as soon as it has `total` bytes. A stream that breaks off leaves what had come.
    WrongOffset (with `received`): the piece starts elsewhere than where the file ends, or another piece is just being
    written. ArtifactTooLarge: it would pass `total`; nothing of the piece stays.
    """
    piece = _Piece(path, offset, total)
    await asyncio.to_thread(piece.open)
    try:
        async for chunk in stream:
            if piece.take(chunk) >= BLOCK:
                await asyncio.to_thread(piece.store)
        return await asyncio.to_thread(piece.finish)
    finally:
        await asyncio.shield(asyncio.to_thread(piece.close))


class _Piece:
    """One piece on its way to the disk. `take` is called on the loop, the rest in threads, one after another."""

    def __init__(self, path: Path, offset: int, total: int) -> None:
        self._path = path
        self._offset = offset
        self._total = total
        self._length = offset
        self._waiting = bytearray()
        self._descriptor: int | None = None
        self._lock = Lock()  # a thread may still write when its caller was cancelled and closes

    def take(self, chunk: bytes) -> int:
        """Remember bytes to be stored; how many wait."""
        self._length += len(chunk)
        if self._length > self._total:
            self._waiting.clear()
            raise ArtifactTooLarge(f"more than the {self._total} bytes that were declared", total=self._total)
        self._waiting += chunk
        return len(self._waiting)

    def open(self) -> None:
        """Lock the file and compare its length with the offset."""
        if self._offset > self._total:
            raise ArtifactTooLarge("the piece starts behind the end", total=self._total)
        if self._path.exists():
            raise WrongOffset("the file is complete", received=received(self._path))
        with disk.room():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(disk.part_of(self._path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            self._claim(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def _claim(self, descriptor: int) -> None:
        length = os.fstat(descriptor).st_size
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise WrongOffset("another piece is being written", received=length) from error
        length = received(self._path)
        if self._path.exists() or length != self._offset:
            raise WrongOffset(f"the file has {length} bytes", received=length)
        os.lseek(descriptor, self._offset, os.SEEK_SET)

    def store(self) -> None:
        """Write what waits."""
        with self._lock:
            block, self._waiting = self._waiting, bytearray()
            if self._descriptor is not None:
                disk.write_all(self._descriptor, block)

    def finish(self) -> int:
        """Sync; a file that has all its bytes gets its name."""
        self.store()
        with self._lock:
            if self._descriptor is None:
                return self._offset
            disk.sync(self._descriptor)
            if self._length == self._total:
                disk.publish(disk.part_of(self._path), self._path)
            return self._length

    def close(self) -> None:
        """Unlock. Of a piece that was too long nothing stays; one that broke off keeps what had come."""
        with self._lock, disk.room():
            if self._descriptor is None:
                return
            if self._length > self._total:
                os.ftruncate(self._descriptor, self._offset)
            elif self._waiting:
                disk.write_all(self._descriptor, self._waiting)
            os.close(self._descriptor)
            self._descriptor = None
