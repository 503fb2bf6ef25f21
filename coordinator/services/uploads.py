"""Taking a file in, and letting it go: bytes, probe, thumbnail and row belong together, or nothing stays."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from coordinator.domain.media import VIDEO, VideoFacts
from coordinator.errors import EmptyFile, InUse, NotFound, QuotaExceeded, StorageUnavailable
from coordinator.gateway import file_names
from coordinator.gateway.files import Files
from coordinator.gateway.incoming import IncomingFile
from coordinator.gateway.probe.pool import ProbedImage, ProbedVideo, ProbePool
from coordinator.ids import new_id
from coordinator.store import audit, media, users
from coordinator.store.database import Database
from coordinator.store.tables import Media, Users
from coordinator.store.work import Work

Kind = Literal["video", "background"]
Probed = ProbedVideo | ProbedImage


class Arrived(Protocol):
    """A file whose last byte is durable; `keep` gives it its name."""

    @property
    def path(self) -> Path:
        """Where the bytes are."""

    @property
    def size(self) -> int:
        """In bytes."""

    @property
    def sha256(self) -> str:
        """Of all bytes, in hex."""

    async def keep(self) -> None:
        """Give the file its final name, durably."""


class Desk(NamedTuple):
    """What taking files in needs. `limit` is in bytes; `storage_mb` is the quota of who has none of their own."""

    database: Database
    files: Files
    probes: ProbePool
    limit: int
    storage_mb: int


async def receive(
    desk: Desk, user: Users, kind: Kind, name: str, chunks: AsyncIterator[bytes], coming: int = 0
) -> Media:
    """Store an upload of `user` and return its row; `coming` bytes were announced.

    Raises what the stream raises, the media errors of the probe, EmptyFile, TooLarge, QuotaExceeded, DiskFull,
    StorageUnavailable. Whatever is raised, nothing is left behind.
    """
    media_id = new_id()
    await desk.database.read(lambda work: check_quota(work, desk.storage_mb, user.id, coming))
    incoming = await desk.files.receive(kind, media_id, desk.limit, coming)
    try:
        await _fill(incoming, chunks)
        probed = await examine(desk, kind, incoming.path)
    except BaseException:
        await incoming.discard()
        raise
    values = values_of(media_id, user.id, kind, file_names.clean(name), incoming, probed)
    # it ends whole or not at all, also when the one who sent the file, or the server, goes away meanwhile
    return await asyncio.shield(asyncio.ensure_future(_settle(desk, incoming, values, probed)))


async def _fill(incoming: IncomingFile, chunks: AsyncIterator[bytes]) -> None:
    await incoming.open()
    async for chunk in chunks:
        await incoming.write(chunk)
    if not incoming.size:
        raise EmptyFile
    await incoming.flush()


async def examine(desk: Desk, kind: str, path: Path) -> Probed:
    """What the file is. The media errors of the probe, Overloaded."""
    return await desk.probes.video(path) if kind == VIDEO else await desk.probes.background(path)


async def _settle(desk: Desk, incoming: IncomingFile, values: dict[str, Any], probed: Probed) -> Media:
    kind, media_id = values["kind"], values["id"]
    try:
        await put_away(desk, incoming, kind, media_id, probed)
        return await _add_row(desk, values)
    except StorageUnavailable:
        raise
    except BaseException:
        await incoming.discard()
        await desk.files.remove_media(kind, media_id)
        raise


async def put_away(desk: Desk, arrived: Arrived, kind: str, media_id: str, probed: Probed) -> None:
    """Everything of an upload that lies on the disk. DiskFull."""
    await arrived.keep()
    await desk.files.store_thumbnail(kind, media_id, probed.thumbnail)
    if isinstance(probed, ProbedVideo):
        await desk.files.store_times(kind, media_id, probed.times)


async def _add_row(desk: Desk, values: dict[str, Any]) -> Media:
    """A COMMIT whose answer was lost may have happened: look again. If nobody knows, the files wait for the janitor."""
    try:
        return await desk.database.write(lambda work: admit(work, desk.storage_mb, values))
    except StorageUnavailable:
        row = await desk.database.read(lambda work: media.get(work, values["id"]))
        if row is None:
            await desk.files.remove_media(values["kind"], values["id"])
            raise
        return row


def admit(work: Work, storage_mb: int, values: dict[str, Any]) -> Media:
    """Insert the row of `values_of`. QuotaExceeded."""
    media.lock_owner(work, values["user_id"])
    check_quota(work, storage_mb, values["user_id"], values["size"])
    media.add(work, values)
    row = media.get(work, values["id"])
    assert row is not None
    return row


def values_of(media_id: str, user_id: str, kind: str, name: str, arrived: Arrived, probed: Probed) -> dict[str, Any]:
    """The row of an upload that was examined."""
    facts = probed.facts
    moving = facts if isinstance(facts, VideoFacts) else None
    return {
        "id": media_id,
        "user_id": user_id,
        "kind": kind,
        "name": name,
        "size": arrived.size,
        "sha256": arrived.sha256,
        "content_type": facts.content_type,
        "width": facts.width,
        "height": facts.height,
        "frames": moving.frames if moving else 1,
        "duration": moving.duration if moving else 0.0,
        "fps": moving.fps if moving else 0.0,
        "facts": facts.to_json(),
        "has_thumbnail": bool(probed.thumbnail),
    }


async def remove(desk: Desk, user: Users, kind: Kind, media_id: str, address: str = "") -> None:
    """Delete an upload with its files. NotFound (also another's), InUse."""
    await desk.database.write(lambda work: forget(work, user, kind, media_id, address))
    await desk.files.remove_media(kind, media_id)


async def take_back(desk: Desk, row: Media) -> None:
    """Undo `receive` for a caller that could not use the file: it was never more than a part of a refused request."""
    if await desk.database.write(lambda work: not media.live_task(work, row.id) and media.remove(work, row.id)):
        await desk.files.remove_media(row.kind, row.id)


def find(work: Work, user: Users, kind: Kind, media_id: str) -> Media:
    """An upload of this user. NotFound also for another's: nobody learns what others have."""
    found = media.get(work, media_id)
    if found is None or found.user_id != user.id or found.kind != kind:
        raise NotFound(kind=kind, id=media_id)
    return found


def forget(work: Work, user: Users, kind: Kind, media_id: str, address: str) -> None:
    """Delete the row. NotFound, InUse with the task that needs it."""
    found = find(work, user, kind, media_id)
    media.lock(work, media_id)
    task_id = media.live_task(work, media_id)
    if task_id is not None:
        raise InUse(task_id=task_id)
    if not media.remove(work, media_id):
        raise NotFound(kind=kind, id=media_id)
    audit.record(work, "media.deleted", actor=user, target=media_id, address=address, name=found.name, size=found.size)


def check_quota(work: Work, storage_mb: int, user_id: str, coming: int) -> None:
    """QuotaExceeded when `coming` more bytes pass the user's own quota, or `storage_mb`; 0 is no bound."""
    owner = users.get(work, user_id)
    if owner is None:
        raise NotFound(kind="user", id=user_id)
    allowed_mb = storage_mb if owner.storage_mb is None else owner.storage_mb
    if not allowed_mb:
        return
    used = media.used_bytes(work, user_id)
    if used + coming > allowed_mb << 20:
        raise QuotaExceeded(used_bytes=used, max_bytes=allowed_mb << 20)
