"""Files that people send in pieces, over many requests and restarts. The file's own length is the truth: it is synced
before anybody is told, and no row and no process remembers more.

A file grows as `id.part` beside its final name. A lock on the file itself keeps a second writer out, be it of this
process or of another replica on the same disk, and it ends with the process that held it.
"""

import asyncio
import fcntl
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from threading import Lock
from typing import IO, TYPE_CHECKING, Final

from coordinator.errors import ChecksumMismatch, TooLarge, UploadGone, UploadLocked
from coordinator.gateway import disk
from coordinator.gateway.digests import Checksum, Digests

if TYPE_CHECKING:
    from hashlib import _Hash

BLOCK: Final = 2 << 20


async def begin(final: Path) -> None:
    """Make the empty file, durably. DiskFull."""
    await asyncio.to_thread(_begin, final)


def durable(final: Path) -> int:
    """How many bytes are on the disk, as of now; blocks. UploadGone: there is no such file."""
    descriptor = _found(final, os.O_RDONLY)
    try:
        length = os.fstat(descriptor).st_size
        disk.sync(descriptor)
        return length
    finally:
        os.close(descriptor)


def _begin(final: Path) -> None:
    part = disk.part_of(final)
    disk.close(disk.create(part))
    disk.sync_directory(part.parent)


def _found(final: Path, how: int) -> int:
    for path in (disk.part_of(final), final):
        try:
            return os.open(path, how | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
    raise UploadGone


class GrowingFile:
    """`open` locks it, `append` adds a piece, `keep` gives it its name, `discard` removes it; `close` at the end.

    `size` is the length, durable after `open` and `append`; `path` is where the bytes are; `sha256` is of all bytes,
    after `hash_all`.
    """

    def __init__(self, final: Path, total: int, digests: Digests) -> None:
        self.final = final
        self.path = disk.part_of(final)
        self.size = 0
        self._total = total
        self._coming = 0
        self._digests = digests
        self.sha256 = ""
        self._waiting = bytearray()
        self._writing: asyncio.Task[None] | None = None
        self._descriptor: int | None = None
        self._lock = Lock()  # a thread may still write when its caller was cancelled and closes

    async def open(self) -> None:
        """Lock the file. UploadLocked: somebody else writes it. UploadGone."""
        await asyncio.to_thread(self._open)

    async def append(self, stream: AsyncIterator[bytes]) -> None:
        """Add what the stream gives. A stream that breaks off leaves what had come, durably.

        TooLarge: it would pass the announced size. DiskFull.
        """
        self._coming = self.size
        try:
            async for chunk in stream:
                self._count(chunk)
                self._waiting += chunk
                if len(self._waiting) >= BLOCK:
                    await self._written()
                    self._writing = asyncio.create_task(asyncio.to_thread(self._store, self._taken()))
        finally:
            await asyncio.shield(asyncio.create_task(self._finish()))

    async def append_checked(self, stream: AsyncIterator[bytes], checksum: Checksum) -> None:
        """Add what the stream gives if it hashes to `checksum`, otherwise nothing.

        Until then it lies in a file without a name, so that neither a mismatch nor a crash leaves a byte of it.
        ChecksumMismatch, TooLarge, DiskFull.
        """
        self._coming = self.size
        with disk.room():
            aside = await asyncio.to_thread(_aside, self.final.parent)
        with aside:
            digest = hashlib.new(checksum.algorithm, usedforsecurity=False)
            async for chunk in stream:
                self._count(chunk)
                self._waiting += chunk
                if len(self._waiting) >= BLOCK:
                    await asyncio.to_thread(_put_aside, aside, digest, self._taken())
            await asyncio.to_thread(_put_aside, aside, digest, self._taken())
            if digest.digest() != checksum.digest:
                raise ChecksumMismatch(algorithm=checksum.algorithm)
            await asyncio.shield(asyncio.create_task(self._copied(aside)))

    async def hash_all(self) -> None:
        """Make `sha256` known."""
        self.sha256 = await asyncio.to_thread(self._digests.whole, self.final, self.path, self.size)

    async def keep(self) -> None:
        """Give the whole file its final name, durably. UploadGone: it was removed meanwhile."""
        await asyncio.to_thread(self._keep)

    async def discard(self) -> None:
        """Remove it, also when it was kept; goes on when the caller is cancelled."""
        await asyncio.shield(asyncio.create_task(asyncio.to_thread(self._discard)))

    async def close(self) -> None:
        """Unlock."""
        await asyncio.shield(asyncio.create_task(asyncio.to_thread(self._close)))

    def _open(self) -> None:
        descriptor = _found(self.final, os.O_RDWR)
        try:
            self._claim(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self.size = os.lseek(descriptor, 0, os.SEEK_END)
        self._descriptor = descriptor

    def _claim(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # while we came it may have got its name, or been removed
            self.path = self.final if self.final.exists() else disk.part_of(self.final)
            is_there = os.path.samestat(os.fstat(descriptor), self.path.stat())
        except BlockingIOError as error:
            raise UploadLocked from error
        except FileNotFoundError as error:
            raise UploadGone from error
        if not is_there:
            raise UploadGone

    def _count(self, chunk: bytes) -> None:
        self._coming += len(chunk)
        if self._coming > self._total:
            raise TooLarge(f"more than the {self._total} bytes that were announced", limit=self._total)

    def _taken(self) -> bytearray:
        block, self._waiting = self._waiting, bytearray()
        return block

    async def _written(self) -> None:
        """Wait for the block before: one is written while the next arrives."""
        if self._writing is not None:
            await asyncio.shield(self._writing)
            self._writing = None

    async def _copied(self, aside: IO[bytes]) -> None:
        await asyncio.to_thread(self._copy, aside)
        await self._finish()

    async def _finish(self) -> None:
        await self._written()
        if self._waiting:
            await asyncio.to_thread(self._store, self._taken())
        self._digests.follow(self.final, self.path, self.size)
        await asyncio.to_thread(self._sync)

    def _store(self, block: bytes | bytearray) -> None:
        with self._lock:
            if self._descriptor is not None:
                disk.write_all(self._descriptor, block)
                self.size += len(block)

    def _sync(self) -> None:
        with self._lock:
            if self._descriptor is not None:
                disk.sync(self._descriptor)

    def _copy(self, aside: IO[bytes]) -> None:
        aside.seek(0)
        while block := aside.read(BLOCK):
            self._store(block)

    def _keep(self) -> None:
        with self._lock:
            if self.path == self.final:
                return
            try:
                disk.publish(self.path, self.final)
            except FileNotFoundError as error:
                raise UploadGone from error
            self.path = self.final
            self._digests.forget(self.final)

    def _discard(self) -> None:
        with self._lock:
            self._digests.forget(self.final)
            disk.part_of(self.final).unlink(missing_ok=True)
            self.final.unlink(missing_ok=True)

    def _close(self) -> None:
        with self._lock:
            if self._descriptor is None:
                return
            os.close(self._descriptor)
            self._descriptor = None


def _aside(folder: Path) -> IO[bytes]:
    return tempfile.TemporaryFile(dir=folder)


def _put_aside(aside: IO[bytes], digest: "_Hash", block: bytearray) -> None:
    with disk.room():
        aside.write(block)
    digest.update(block)
