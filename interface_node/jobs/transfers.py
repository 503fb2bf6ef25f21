"""Bytes in and out: sources with resume and sha256, artifacts in pieces that continue where the coordinator stands."""

import asyncio
import contextlib
import errno
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from interface_node.coordinator_client.answers import NotKnown, Refused, Unreachable, WrongOffset
from interface_node.coordinator_client.client import CoordinatorClient
from interface_node.errors import DiskFull, DownloadFailed, SourceMismatch, UploadRefused
from interface_node.jobs import backoff
from protocol.reports import PIECE_BYTES
from protocol.work import Source

Moved = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""
_BLOCK: Final = 1024 * 1024
_FIRST_PIECE: Final = 1024 * 1024
_BRISK_S: Final = 4.0


class _Sink:
    """A file that is written from the front while its hash is taken."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._hash = hashlib.sha256()
        self.offset = 0

    def write(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise _as_disk_full(error) from error
        self._hash.update(data)
        self.offset += len(data)

    def restart(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._hash = hashlib.sha256()
        self.offset = 0

    def finish(self) -> str:
        """Close; the sha256 of what was written."""
        try:
            self._file.close()
        except OSError as error:
            raise _as_disk_full(error) from error
        return self._hash.hexdigest()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # what a full disk left in the buffer; the error that matters came before
            self._file.close()


def _as_disk_full(error: OSError) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull("no room for the source")
    return error


async def fetch(
    client: CoordinatorClient, source: Source, token: str, path: Path, lease_s: float, moved: Moved
) -> None:
    """Write `source` to `path` and check its sha256. Goes on where a connection broke, for as long as it is let.

    Gone when the attempt is over; DownloadFailed when the coordinator has no such file; SourceMismatch when the bytes
    are others than promised.
    """
    sink = await asyncio.to_thread(_Sink, path)
    try:
        waits = backoff.waits(backoff.limit(lease_s))
        while sink.offset < source.size:
            before = sink.offset
            try:
                await _fetch_once(client, source, token, sink, moved)
            except Unreachable:
                if sink.offset > before:
                    waits = backoff.waits(backoff.limit(lease_s))
                await asyncio.sleep(next(waits))
            except (NotKnown, Refused) as error:
                raise DownloadFailed(f"the coordinator does not give the source: {error}") from error
        found = await asyncio.to_thread(sink.finish)
    finally:
        sink.close()
    if found != source.sha256:
        raise SourceMismatch(f"the source has sha256 {found}, the assignment says {source.sha256}")


async def _fetch_once(client: CoordinatorClient, source: Source, token: str, sink: _Sink, moved: Moved) -> None:
    async with client.download(source.url, token, sink.offset, source.etag) as answer:
        if answer.start != sink.offset:
            if answer.start:
                raise Unreachable("another range came than was asked for")
            sink.restart()
        block = bytearray()
        async for chunk in answer.chunks:
            block += chunk
            if len(block) >= _BLOCK:
                await _written(sink, block, source.size, moved)
        await _written(sink, block, source.size, moved)
    if sink.offset < source.size:
        raise Unreachable("the connection ended before the file did")


async def _written(sink: _Sink, block: bytearray, size: int, moved: Moved) -> None:
    if sink.offset + len(block) > size:
        raise SourceMismatch(f"the source has more than {size} bytes")
    await asyncio.to_thread(sink.write, bytes(block))
    block.clear()
    moved(sink.offset, size)


async def upload(
    client: CoordinatorClient, url: str, token: str, path: Path, size: int, lease_s: float, moved: Moved
) -> None:
    """Send a file of `size` bytes in pieces; after trouble, ask how far the coordinator is and go on there.

    Pieces begin small and double while they are brisk, so that a slow line still moves every few seconds.
    Gone when the attempt is over; UploadRefused when the coordinator does not take it.
    """
    offset, piece = 0, _FIRST_PIECE
    waits = backoff.waits(backoff.limit(lease_s))
    while offset < size:
        data = await asyncio.to_thread(_read, path, offset, piece)
        began = time.monotonic()
        try:
            received = await client.put_piece(url, token, data, offset, size)
        except WrongOffset as error:
            received = error.received
        except Unreachable:
            piece = max(piece // 2, _FIRST_PIECE // 4)
            await asyncio.sleep(next(waits))
            received = await _asked(client, url, token, offset)
        except (NotKnown, Refused) as error:
            raise UploadRefused(f"the coordinator does not take the artifact: {error}") from error
        if received > size:
            raise UploadRefused(f"the coordinator has {received} bytes of an artifact of {size}")
        if received > offset:
            waits = backoff.waits(backoff.limit(lease_s))
            piece = min(piece * 2, PIECE_BYTES) if time.monotonic() - began < _BRISK_S else piece
        elif received == offset:
            await asyncio.sleep(next(waits))
        offset = received
        moved(offset, size)


async def _asked(client: CoordinatorClient, url: str, token: str, offset: int) -> int:
    try:
        return await client.received(url, token)
    except (Unreachable, NotKnown, Refused):
        return offset


def _read(path: Path, offset: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(length)
