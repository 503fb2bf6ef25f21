"""Finished parts on this machine's disk: what this node made itself, and what it fetched to join, until a task ends."""

import asyncio
import contextlib
import hashlib
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final

import structlog

from interface_node.jobs.room import Kept, Room, trimmed
from interface_node.jobs.work import Made
from interface_node.pipeline.whole_file import sha256_of
from protocol.base import TaskId
from protocol.work import Part

_log = structlog.get_logger(__name__)
LIMIT_BYTES: Final = 20 * 1024**3
RETAIN_S: Final = 72 * 3600.0
"""As long as the coordinator keeps the parts of ended tasks by default; nobody tells a node that a task ended."""

Fetch = Callable[[Path], Awaitable[None]]


class PartStore:
    """A directory for each task, in it whole files by their sha256. A file in use is never removed."""

    def __init__(self, directory: Path, room: Room, limit_bytes: int = LIMIT_BYTES, retain_s: float = RETAIN_S) -> None:
        self._directory = directory
        self._room = room
        self._limit = limit_bytes
        self._retain_s = retain_s
        self._users: Counter[Path] = Counter()
        self._fetching: defaultdict[Path, asyncio.Lock] = defaultdict(asyncio.Lock)
        room.share(self._unused)

    def open(self) -> None:
        """Make the directory; remove what an interrupted fetch left and what is too old."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for part in self._directory.glob("*/*.part"):
            part.unlink(missing_ok=True)
        self._expire()
        for folder in self._directory.iterdir():
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    async def keep(self, task_id: TaskId, made: Iterable[Made]) -> None:
        """Move uploaded outputs in here. They can be fetched again, so that trouble costs only their place."""
        for one in made:
            try:
                await asyncio.to_thread(self._take, self._place(task_id, one.sha256), one)
            except OSError as error:
                _log.warning("part_not_kept", output=one.output.value, why=str(error))

    @contextlib.asynccontextmanager
    async def hold(self, task_id: TaskId, part: Part, fetch: Fetch) -> AsyncIterator[Path]:
        """The file of `part`, kept while the block runs. `fetch` writes and checks it unless the right one is here."""
        path = self._place(task_id, part.sha256)
        self._users[path] += 1
        try:
            async with self._fetching[path]:
                if not await asyncio.to_thread(_is_right, path, part):
                    await asyncio.to_thread(self._make_room, part.size)
                    await self._fetched(path, fetch)
            yield path
        finally:
            self._users[path] -= 1
            if not self._users[path]:
                del self._users[path]
                self._fetching.pop(path, None)

    def drop(self, task_id: TaskId) -> None:
        """The task is done: its parts go, unless one is in use."""
        folder = self._folder(task_id)
        if not any(path.parent == folder for path in self._users):
            shutil.rmtree(folder, ignore_errors=True)

    async def _fetched(self, path: Path, fetch: Fetch) -> None:
        part = path.with_suffix(".part")
        path.parent.mkdir(exist_ok=True, mode=0o700)
        try:
            await fetch(part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def _take(self, path: Path, made: Made) -> None:
        self._expire()
        if not self._make_room(0):
            return
        path.parent.mkdir(exist_ok=True, mode=0o700)
        made.path.replace(path)
        os.utime(path)
        self._make_room(0)

    def _make_room(self, size: int) -> bool:
        """Keep to the bound and to the disk's reserve; whether `size` more bytes fit."""
        trimmed(self._kept(), self._unused(), self._limit - size)
        return self._room.make(size)

    def _expire(self) -> None:
        """By the clock of the file system itself: a node owns no other."""
        stamp = self._directory / "now"
        stamp.touch()
        oldest = stamp.stat().st_mtime - self._retain_s
        for one in self._unused():
            if one.used_at < oldest:
                one.remove()

    def _unused(self) -> list[Kept]:
        return [one for one in self._kept() if not any(path in self._users for path in one.paths)]

    def _kept(self) -> list[Kept]:
        found = []
        for folder in self._directory.iterdir():
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # a task that ends takes its folder along
                for path in folder.iterdir():
                    if path.suffix != ".part":
                        found.append(Kept(path.name))
                        found[-1].add(path)
        return found

    def _place(self, task_id: TaskId, sha256: str) -> Path:
        return self._folder(task_id) / sha256

    def _folder(self, task_id: TaskId) -> Path:
        """Ids of tasks are the coordinator's words and no names for directories of this machine."""
        return self._directory / hashlib.sha256(task_id.encode()).hexdigest()[:32]


def _is_right(path: Path, part: Part) -> bool:
    """Whether the file is there with its bytes; marks it as used now, and removes another one."""
    if not path.is_file():
        return False
    if path.stat().st_size != part.size or sha256_of(path) != part.sha256:
        _log.warning("part_damaged", sha256=part.sha256)
        path.unlink()
        return False
    os.utime(path)
    return True
