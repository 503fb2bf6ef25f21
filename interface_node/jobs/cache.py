"""Sources on this machine's disk, by sha256: whole ones, and blocks of those that are read in part.

They are fetched once for all attempts; the longest unused are removed for room.
"""

import asyncio
import contextlib
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from interface_node.jobs.blocks import DATA_SUFFIX, MAP_SUFFIX
from interface_node.jobs.shared_source import SharedSource
from protocol.work import Source

_log = structlog.get_logger(__name__)
LIMIT_BYTES: Final = 20 * 1024**3
RESERVE_BYTES: Final = 1024**3
"""Disk that fetched sources leave to outputs."""
_SECTOR: Final = 512

Fetch = Callable[[Path], Awaitable[None]]


class SourceCache:
    """A directory of whole, checked files, and of blocks. What is in use is never removed, so the bound may be passed
    while it is."""

    def __init__(self, directory: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._directory = directory
        self._limit = limit_bytes
        self._users: Counter[str] = Counter()
        self._opening: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._shared: dict[str, SharedSource] = {}

    def open(self) -> None:
        """Make the directory and remove what an interrupted fetch left that cannot be continued."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in self._directory.iterdir():
            other = {DATA_SUFFIX: MAP_SUFFIX, MAP_SUFFIX: DATA_SUFFIX}.get(path.suffix)
            alone = other is not None and not path.with_suffix(other).exists()
            if alone or path.suffix == ".part" or path.name.startswith("."):
                path.unlink(missing_ok=True)

    @asynccontextmanager
    async def hold(self, source: Source, fetch: Fetch) -> AsyncIterator[Path]:
        """The file of `source`, kept while the block runs. `fetch` writes and checks it when it is not there."""
        async with self._used(source.sha256):
            async with self._opening[source.sha256]:
                path = self._directory / source.sha256
                if not await asyncio.to_thread(_is_whole, path, source.size):
                    await asyncio.to_thread(self._make_room, source.size)
                    part = path.with_suffix(".part")
                    try:
                        await fetch(part)
                        part.replace(path)
                    finally:
                        part.unlink(missing_ok=True)
            yield path

    @asynccontextmanager
    async def share(self, source: Source) -> AsyncIterator[Path | SharedSource]:
        """The file of `source` where it is whole, else what is there of it; kept while the block runs.

        Whoever asks meanwhile gets the same object.
        """
        async with self._used(source.sha256):
            async with self._opening[source.sha256]:
                found = await self._found(source)
            yield found

    async def _found(self, source: Source) -> Path | SharedSource:
        path = self._directory / source.sha256
        if await asyncio.to_thread(_is_whole, path, source.size):
            return path
        shared = self._shared.get(source.sha256)
        if shared is None:
            shared = SharedSource(source, path, self._make_room)
            await shared.open()
            self._shared[source.sha256] = shared
        return shared

    @asynccontextmanager
    async def _used(self, sha256: str) -> AsyncIterator[None]:
        self._users[sha256] += 1
        try:
            yield
        finally:
            self._users[sha256] -= 1
            await self._let_go(sha256)

    async def _let_go(self, sha256: str) -> None:
        """The last user closes what was shared, before the next one opens it anew."""
        async with self._opening[sha256]:
            shared = None if self._users[sha256] else self._shared.pop(sha256, None)
            if shared is not None:
                await shared.close()
        if not self._users[sha256]:
            del self._users[sha256]
            self._opening.pop(sha256, None)

    def _make_room(self, size: int) -> None:
        kept = self._kept()
        held = sum(one.size for one in kept)
        room = min(self._limit, held + shutil.disk_usage(self._directory).free - RESERVE_BYTES)
        total = held + size
        for one in kept:
            if total <= room:
                return
            if one.sha256 not in self._users:
                for path in one.paths:
                    path.unlink(missing_ok=True)
                total -= one.size
                _log.info("source_evicted", sha256=one.sha256, size=one.size)

    def _kept(self) -> list["_Kept"]:
        """What is here, the longest unused first."""
        found: defaultdict[str, _Kept] = defaultdict(_Kept)
        for path in self._directory.iterdir():
            with contextlib.suppress(FileNotFoundError):  # a fetch that ends renames its file
                if path.suffix != ".part":
                    found[path.stem].add(path)
        return sorted(found.values(), key=lambda one: one.used_at)


@dataclass
class _Kept:
    """The files of one source; `size` in bytes that they take on the disk."""

    sha256: str = ""
    size: int = 0
    used_at: float = 0.0
    paths: tuple[Path, ...] = ()

    def add(self, path: Path) -> None:
        status = path.stat()
        self.sha256 = path.stem
        self.size += min(status.st_size, status.st_blocks * _SECTOR)
        self.used_at = max(self.used_at, status.st_mtime)
        self.paths = (*self.paths, path)


def _is_whole(path: Path, size: int) -> bool:
    """Whether the file is there with its size; marks it as used now."""
    if not path.is_file() or path.stat().st_size != size:
        return False
    os.utime(path)
    return True
