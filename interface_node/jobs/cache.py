"""Sources on this machine's disk, by sha256: fetched once for all attempts, the longest unused removed for room."""

import asyncio
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import structlog

from protocol.work import Source

_log = structlog.get_logger(__name__)
LIMIT_BYTES: Final = 20 * 1024**3
RESERVE_BYTES: Final = 1024**3
"""Disk that fetched sources leave to outputs."""

Fetch = Callable[[Path], Awaitable[None]]


class SourceCache:
    """A directory of whole, checked files. A file in use is never removed, so the bound may be passed while it is."""

    def __init__(self, directory: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._directory = directory
        self._limit = limit_bytes
        self._users: Counter[str] = Counter()
        self._fetching: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def open(self) -> None:
        """Make the directory and remove what an interrupted fetch left."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for part in self._directory.glob("*.part"):
            part.unlink(missing_ok=True)

    @asynccontextmanager
    async def hold(self, source: Source, fetch: Fetch) -> AsyncIterator[Path]:
        """The file of `source`, kept while the block runs. `fetch` writes and checks it when it is not there."""
        self._users[source.sha256] += 1
        try:
            async with self._fetching[source.sha256]:
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
        finally:
            self._users[source.sha256] -= 1
            if not self._users[source.sha256]:
                del self._users[source.sha256]
                self._fetching.pop(source.sha256, None)

    def _make_room(self, size: int) -> None:
        found = [(path.stat(), path) for path in self._directory.iterdir() if path.suffix != ".part"]
        held = sum(status.st_size for status, _ in found)
        room = min(self._limit, held + shutil.disk_usage(self._directory).free - RESERVE_BYTES)
        total = held + size
        for status, path in sorted(found, key=lambda entry: entry[0].st_mtime):
            if total <= room:
                return
            if path.name not in self._users:
                path.unlink(missing_ok=True)
                total -= status.st_size
                _log.info("source_evicted", sha256=path.name, size=status.st_size)


def _is_whole(path: Path, size: int) -> bool:
    """Whether the file is there with its size; marks it as used now."""
    if not path.is_file() or path.stat().st_size != size:
        return False
    os.utime(path)
    return True
