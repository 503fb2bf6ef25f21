"""Sources on this machine's disk, by sha256: whole ones, and blocks of those that are read in part.

They are fetched once for all attempts; the longest unused are removed for room.
"""

import asyncio
import os
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from interface_node.jobs.blocks import DATA_SUFFIX, MAP_SUFFIX
from interface_node.jobs.room import Kept, Room, trimmed
from interface_node.jobs.shared_source import SharedSource
from protocol.work import Source

LIMIT_BYTES: Final = 20 * 1024**3

Fetch = Callable[[Path], Awaitable[None]]


class SourceCache:
    """A directory of whole, checked files, and of blocks. What is in use is never removed, so the bound may be passed
    while it is."""

    def __init__(self, directory: Path, room: Room, limit_bytes: int = LIMIT_BYTES) -> None:
        self._directory = directory
        self._room = room
        self._limit = limit_bytes
        self._users: Counter[str] = Counter()
        self._opening: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._shared: dict[str, SharedSource] = {}
        room.share(self._unused)

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
        trimmed(self._kept(), self._unused(), self._limit - size)
        self._room.make(size)

    def _unused(self) -> list[Kept]:
        return [one for one in self._kept() if one.name not in self._users]

    def _kept(self) -> list[Kept]:
        found: dict[str, Kept] = {}
        for path in self._directory.iterdir():
            if path.suffix != ".part":
                found.setdefault(path.stem, Kept(path.stem)).add(path)
        return list(found.values())


def _is_whole(path: Path, size: int) -> bool:
    """Whether the file is there with its size; marks it as used now."""
    if not path.is_file() or path.stat().st_size != size:
        return False
    os.utime(path)
    return True
