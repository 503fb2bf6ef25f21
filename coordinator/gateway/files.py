"""Where every file lies. Ids name files, people's names never do; a path exists only when the file is whole."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from coordinator.domain.media import VIDEO
from coordinator.domain.timestamps import FrameTimes, pack, unpack
from coordinator.errors import DiskFull, NotFound
from coordinator.gateway import disk, growing, pieces
from coordinator.gateway.digests import Digests
from coordinator.gateway.growing import GrowingFile
from coordinator.gateway.incoming import IncomingFile

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PTS: Final = ".pts"
_THUMBNAIL: Final = ".jpg"


class StoredFile(NamedTuple):
    """Something on the disk that the janitor compares with the rows: `parts` are ids, `modified` is Unix seconds."""

    parts: tuple[str, ...]
    modified: float


@dataclass(frozen=True, slots=True)
class Files:
    """The directories. A video is `videos/id` with `id.pts` beside it; its thumbnail is `thumbnails/video/id.jpg`.

    What attempts make is `results/task/step/attempt/output`, written once and never renamed for winning.
    """

    home: Path
    videos: Path
    backgrounds: Path
    disk_free_min_mb: int
    digests: Digests = field(default_factory=Digests, kw_only=True)

    def prepare(self) -> None:
        """Make the directories."""
        for directory in (self.videos, self.backgrounds, self.home / "thumbnails", self.home / "results"):
            directory.mkdir(parents=True, exist_ok=True)

    def media(self, kind: str, media_id: str) -> Path:
        """The bytes of an upload; `kind` is `media.kind`: video, or background."""
        return (self.videos if kind == VIDEO else self.backgrounds) / _checked(media_id)

    def thumbnail(self, kind: str, object_id: str) -> Path:
        """The small picture of an upload (`video`, `background`) or of a result (`task`)."""
        return self.home / "thumbnails" / _checked(kind) / (_checked(object_id) + _THUMBNAIL)

    def task(self, task_id: str) -> Path:
        """The directory of all that a task's attempts made."""
        return self.home / "results" / _checked(task_id)

    def result(self, task_id: str, step_id: str, attempt_id: str, output: str) -> Path:
        """One output of one attempt."""
        return self.task(task_id) / _checked(step_id) / _checked(attempt_id) / _checked(output)

    def check_room(self, coming: int = 0) -> None:
        """DiskFull when `coming` more bytes would leave less than `DISK_FREE_MIN_MB`."""
        free = disk.free_mb(self.home) - (coming >> 20)
        if free < self.disk_free_min_mb:
            raise DiskFull(free_mb=max(0, free), min_mb=self.disk_free_min_mb)

    async def receive(self, kind: str, media_id: str, limit: int, coming: int = 0) -> IncomingFile:
        """An upload that is about to be written, at most `limit` bytes. DiskFull."""
        await asyncio.to_thread(self.check_room, coming)
        return IncomingFile(self.media(kind, media_id), limit)

    async def begin(self, kind: str, media_id: str) -> None:
        """The empty file of an upload that will come in pieces. DiskFull."""
        await growing.begin(self.media(kind, media_id))

    def growing(self, kind: str, media_id: str, total: int) -> GrowingFile:
        """An upload that comes in pieces, `total` bytes in the end."""
        return GrowingFile(self.media(kind, media_id), total, self.digests)

    async def durable(self, kind: str, media_id: str) -> int:
        """How much of such an upload is on the disk. UploadGone."""
        return await asyncio.to_thread(growing.durable, self.media(kind, media_id))

    async def store_times(self, kind: str, media_id: str, times: FrameTimes) -> None:
        """Keep the timestamps of a video's frames."""
        await asyncio.to_thread(disk.store, self._pts(kind, media_id), pack(times))

    async def times_of(self, media_id: str, kind: str = VIDEO) -> FrameTimes:
        """The timestamps of a video's frames; empty when they have none. NotFound."""
        return await asyncio.to_thread(self.read_times, media_id, kind)

    def read_times(self, media_id: str, kind: str = VIDEO) -> FrameTimes:
        """`times_of` for callers without an event loop."""
        try:
            return unpack(self._pts(kind, media_id).read_bytes())
        except FileNotFoundError as error:
            raise NotFound from error

    async def store_thumbnail(self, kind: str, object_id: str, jpeg: bytes) -> None:
        """Keep a small picture."""
        await asyncio.to_thread(disk.store, self.thumbnail(kind, object_id), jpeg)

    async def append_piece(self, path: Path, offset: int, total: int, stream: AsyncIterator[bytes]) -> int:
        """See `pieces.append_piece`."""
        return await pieces.append_piece(path, offset, total, stream)

    async def remove_media(self, kind: str, media_id: str) -> None:
        """Remove an upload and what belongs to it, half-written files too; what is not there is no error."""
        paths = (self.media(kind, media_id), self._pts(kind, media_id), self.thumbnail(kind, media_id))
        await asyncio.to_thread(_unlink, *paths, *(disk.part_of(path) for path in paths))

    async def remove_task(self, task_id: str) -> None:
        """Remove all that a task's attempts made, and its thumbnail."""
        await asyncio.to_thread(_remove_tree, self.task(task_id))
        await asyncio.to_thread(_unlink, self.thumbnail("task", task_id))

    async def remove_attempt(self, task_id: str, step_id: str, attempt_id: str) -> None:
        """Remove what one attempt made."""
        path = self.task(task_id) / _checked(step_id) / _checked(attempt_id)
        await asyncio.to_thread(_remove_tree, path)

    def stored_media(self, kind: str) -> Iterator[StoredFile]:
        """Every upload on the disk, also those that are just arriving."""
        yield from _listed(self.videos if kind == VIDEO else self.backgrounds, 1)

    def stored_attempts(self) -> Iterator[StoredFile]:
        """Every (task, step, attempt) that left something on the disk."""
        yield from _listed(self.home / "results", 3)

    def _pts(self, kind: str, media_id: str) -> Path:
        path = self.media(kind, media_id)
        return path.with_name(path.name + _PTS)


def _checked(name: str) -> str:
    """An id as a part of a path. NotFound: it is none of ours."""
    if _ID.fullmatch(name) is None:
        raise NotFound
    return name


def _unlink(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _remove_tree(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)


def _listed(directory: Path, depth: int) -> Iterator[StoredFile]:
    for path in directory.glob("/".join("*" * depth)):
        try:
            yield StoredFile(tuple(part.partition(".")[0] for part in path.parts[-depth:]), path.stat().st_mtime)
        except FileNotFoundError:
            continue  # removed meanwhile
