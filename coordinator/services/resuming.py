"""Uploads that come in pieces and survive the end of either side: begin, go on, look, give up.

A row says whose it is and how large it will be; how much of it is there is the length of its file. Whoever meets an
upload that is whole but not registered, because the one who should have done it died, registers it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import Final, NamedTuple

from coordinator.errors import (
    DiskFull,
    EmptyFile,
    MediaError,
    NotFound,
    ProbeTimeout,
    TooLarge,
    TooManyUploads,
    UploadGone,
    UploadLocked,
    WrongOffset,
)
from coordinator.gateway import file_names
from coordinator.gateway.digests import Checksum
from coordinator.gateway.growing import GrowingFile
from coordinator.ids import new_id
from coordinator.services.uploads import Desk, Kind, admit, check_quota, examine, put_away, values_of
from coordinator.store import media, uploads
from coordinator.store.tables import Uploads, Users
from coordinator.store.work import Work

KEEP_S: Final = 3 * 86_400.0
"""How long an upload waits for its next piece, and how long a finished one can be asked for: over a weekend."""
EXTEND_S: Final = 3600.0
"""No row is written for every piece: the end moves on once an hour."""
AGAIN_S: Final = 3600.0
"""How long a file that took too long to examine may be examined again: perhaps the machine was busy."""
LOST_S: Final = 60.0
"""An upload that still has no file then has lost it, or its beginner died."""
MOST: Final = 200
"""Unfinished uploads of one account."""


class Wish(NamedTuple):
    """What somebody wants to send; `said` is the metadata as it came."""

    kind: Kind
    name: str
    size: int
    said: str


class Piece(NamedTuple):
    """Bytes that begin at `offset`; `coming` is how many were announced, None when nobody said."""

    offset: int
    coming: int | None
    checksum: Checksum | None
    stream: AsyncIterator[bytes]


class Progress(NamedTuple):
    """An upload and how much of it is durable. When `done`, it has become the media of the same id."""

    upload: Uploads
    offset: int
    done: bool = False


async def begin(desk: Desk, user: Users, wish: Wish) -> Uploads:
    """Announce an upload; nothing of it is taken yet.

    TooLarge, EmptyFile, QuotaExceeded, TooManyUploads, DiskFull.
    """
    if not wish.size:
        raise EmptyFile
    if wish.size > desk.limit:
        raise TooLarge(limit=desk.limit)
    await asyncio.to_thread(desk.files.check_room, wish.size)
    upload_id = new_id()
    row = await desk.database.write(lambda work: _announce(work, desk.storage_mb, user.id, upload_id, wish))
    try:
        await desk.files.begin(wish.kind, upload_id)
    except BaseException:
        await desk.database.write(lambda work: uploads.remove(work, upload_id))
        raise
    return row


async def begin_with(desk: Desk, user: Users, wish: Wish, piece: Piece) -> Progress:
    """`begin` and `go_on` in one. If the piece is refused nothing stays: nobody was told of the upload yet."""
    row = await begin(desk, user, wish)
    try:
        return await go_on(desk, user, row.id, piece)
    except BaseException:
        with suppress(NotFound):
            await remove(desk, user, row.id)
        raise


async def look(desk: Desk, user: Users, upload_id: str) -> Progress:
    """How far an upload is. NotFound (also another's), UploadGone; of a whole one also what examining it raises."""
    row, now = await desk.database.read(lambda work: find(work, user.id, upload_id))
    if row.finished_at is not None:
        return Progress(row, row.size, done=True)
    length = await _durable(desk, row, now)
    if length < row.size:
        return Progress(row, length)
    file = desk.files.growing(row.kind, row.id, row.size)
    try:
        await file.open()
    except UploadLocked:
        return Progress(row, length)  # it is being examined just now
    return await _finish(desk, row, file)


async def go_on(desk: Desk, user: Users, upload_id: str, piece: Piece) -> Progress:
    """Take a piece in. The last one answers when the file was examined; a refused file is removed.

    Before a byte is read: NotFound (also another's), UploadGone, TooLarge, UploadLocked, WrongOffset, DiskFull. Then
    ChecksumMismatch, and what the stream raises; at the end the media errors of the probe, QuotaExceeded.
    """
    row, now = await desk.database.read(lambda work: find(work, user.id, upload_id), brief=True)
    if 0 <= row.size - piece.offset < (piece.coming or 0):
        raise TooLarge(limit=row.size)
    if row.finished_at is not None:
        return _again(row, piece)
    file = desk.files.growing(row.kind, row.id, row.size)
    await file.open()
    async with AsyncExitStack() as held:
        held.push_async_callback(file.close)
        if file.size != piece.offset:
            raise WrongOffset(f"the file has {file.size} bytes", received=file.size)
        left = row.size - piece.offset
        await asyncio.to_thread(desk.files.check_room, left if piece.coming is None else piece.coming)
        row = await _extended(desk, row, now) if left else row
        if piece.checksum is None:
            await file.append(piece.stream)
        else:
            await file.append_checked(piece.stream, piece.checksum)
        if file.size < row.size:
            return Progress(row, file.size)
        held.pop_all()
    return await _finish(desk, row, file)


async def remove(desk: Desk, user: Users, upload_id: str) -> None:
    """Give an upload up, with its bytes. Of a finished one only the upload is forgotten, the media stays. NotFound."""
    kind = await desk.database.write(lambda work: _forget(work, user.id, upload_id))
    if kind is not None:
        await desk.files.remove_media(kind, upload_id)


async def unfinished(desk: Desk, user: Users) -> list[Progress]:
    """What a user has begun and not ended, newest first."""
    found = []
    rows, now = await desk.database.read(lambda work: (uploads.unfinished(work, user.id, MOST), work.now))
    for row in rows:
        with suppress(UploadGone):  # removed, or lost
            found.append(Progress(row, await _durable(desk, row, now)))
    return found


def find(work: Work, user_id: str, upload_id: str) -> tuple[Uploads, float]:
    """An upload of this user, and the time. NotFound also for another's; UploadGone: it, or what it became, is over."""
    row = uploads.get(work, upload_id)
    if row is None or row.user_id != user_id:
        raise NotFound(kind="upload", id=upload_id)
    if row.expires_at < work.now or (row.finished_at is not None and media.get(work, upload_id) is None):
        raise UploadGone
    return row, work.now


def _announce(work: Work, storage_mb: int, user_id: str, upload_id: str, wish: Wish) -> Uploads:
    media.lock_owner(work, user_id)
    if uploads.count_unfinished(work, user_id) >= MOST:
        raise TooManyUploads(limit=MOST)
    check_quota(work, storage_mb, user_id, wish.size)
    values = {"id": upload_id, "user_id": user_id, "kind": wish.kind, "size": wish.size, "said": wish.said}
    uploads.add(work, {**values, "name": file_names.clean(wish.name), "expires_at": work.now + KEEP_S})
    row = uploads.get(work, upload_id)
    assert row is not None
    return row


async def _durable(desk: Desk, row: Uploads, now: float) -> int:
    """How much of an unfinished upload is on the disk. UploadGone; a row that lost its file goes, too, so that it holds
    nothing of the quota."""
    try:
        return await desk.files.durable(row.kind, row.id)
    except UploadGone:
        if row.created_at < now - LOST_S:
            await desk.database.write(lambda work: uploads.remove_unfinished(work, row.id))
        raise


async def _extended(desk: Desk, row: Uploads, now: float) -> Uploads:
    if row.expires_at > now + KEEP_S - EXTEND_S:
        return row
    await desk.database.write(lambda work: uploads.extend(work, row.id, now + KEEP_S))
    found = await desk.database.read(lambda work: uploads.get(work, row.id))
    if found is None:
        raise UploadGone
    return found


def _again(row: Uploads, piece: Piece) -> Progress:
    """A piece for a finished upload: fine when there is nothing in it, as one sends who lost the last answer."""
    if piece.offset != row.size:
        raise WrongOffset("the upload is finished", received=row.size)
    return Progress(row, row.size, done=True)


async def _finish(desk: Desk, row: Uploads, file: GrowingFile) -> Progress:
    """Examine, register and unlock the whole, locked file; it ends whole or not at all, also when the sender goes away,
    and until then it stays locked: another replica may be asked for it meanwhile."""
    return await asyncio.shield(asyncio.create_task(_settled(desk, row, file)))


async def _settled(desk: Desk, row: Uploads, file: GrowingFile) -> Progress:
    try:
        return await _register(desk, row, file)
    finally:
        await file.close()


async def _register(desk: Desk, row: Uploads, file: GrowingFile) -> Progress:
    known = await desk.database.read(lambda work: uploads.get(work, row.id))
    if known is not None and known.finished_at is not None:
        return Progress(known, known.size, done=True)  # by the one who had the lock before
    try:
        await file.hash_all()
        probed = await examine(desk, row.kind, file.path)
        values = values_of(row.id, row.user_id, row.kind, row.name, file, probed)
        await put_away(desk, file, row.kind, row.id, probed)
        ended = await desk.database.write(lambda work: _end(work, desk.storage_mb, values))
    except DiskFull:
        raise  # whoever comes when there is room finds it whole
    except ProbeTimeout:
        await desk.database.write(lambda work: _keep_for_now(work, row.id))
        raise
    except (MediaError, NotFound, UploadGone, FileNotFoundError) as error:
        if await desk.database.write(lambda work: _refuse(work, row.id)):
            await file.discard()
            await desk.files.remove_media(row.kind, row.id)
        if isinstance(error, FileNotFoundError):
            raise UploadGone from error
        raise
    return Progress(ended, ended.size, done=True)


def _end(work: Work, storage_mb: int, values: dict[str, object]) -> Uploads:
    media.lock_owner(work, str(values["user_id"]))
    upload_id = str(values["id"])
    if not uploads.finish(work, upload_id):
        raise UploadGone
    admit(work, storage_mb, values)
    row = uploads.get(work, upload_id)
    assert row is not None
    return row


def _keep_for_now(work: Work, upload_id: str) -> None:
    row = uploads.get(work, upload_id)
    if row is not None and row.expires_at > work.now + AGAIN_S:
        uploads.extend(work, upload_id, work.now + AGAIN_S)


def _refuse(work: Work, upload_id: str) -> bool:
    """Delete the row; whether the bytes are nobody's now: another may have registered, or removed, them meanwhile."""
    uploads.remove_unfinished(work, upload_id)
    return uploads.get(work, upload_id) is None and media.get(work, upload_id) is None


def _forget(work: Work, user_id: str, upload_id: str) -> str | None:
    """Delete the row; the kind of the bytes that are nobody's now, None when they are an upload's."""
    row = uploads.get(work, upload_id)
    if row is None or row.user_id != user_id:
        raise NotFound(kind="upload", id=upload_id)
    if uploads.remove_unfinished(work, upload_id):
        return row.kind
    uploads.remove(work, upload_id)
    return None
