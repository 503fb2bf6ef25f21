"""Files that grow over many requests: their durable length is the truth, and only one writes at a time."""

import asyncio
import base64
import hashlib
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.errors import (
    ChecksumMismatch,
    DiskFull,
    TooLarge,
    TruncatedUpload,
    UnsupportedChecksum,
    UploadGone,
    UploadLocked,
)
from coordinator.gateway import growing
from coordinator.gateway.digests import Checksum, Digests
from coordinator.gateway.growing import BLOCK, GrowingFile
from tests.small_disk import small_disk

pytestmark = pytest.mark.anyio
TOTAL = 3 * BLOCK


async def _stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def _breaks(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    raise TruncatedUpload


def _checksum(content: bytes, algorithm: str = "sha256") -> Checksum:
    return Checksum(algorithm, hashlib.new(algorithm, content).digest())


def _content(path: Path) -> bytes:
    return path.read_bytes()


def _names(path: Path) -> list[str]:
    return sorted(found.name for found in path.parent.iterdir())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where an upload shall lie; nothing is there yet."""
    return tmp_path / "videos" / "upload"


@pytest.fixture
async def file(path: Path) -> AsyncIterator[GrowingFile]:
    """An empty, locked file."""
    await growing.begin(path)
    opened = GrowingFile(path, TOTAL, Digests())
    await opened.open()
    yield opened
    await opened.close()


async def test_pieces_make_the_file_which_gets_its_name_when_it_is_kept(path: Path, file: GrowingFile) -> None:
    await file.append(_stream(b"0123", b"", b"45"))
    assert (file.size, growing.durable(path), _names(path)) == (6, 6, ["upload.part"])
    await file.append_checked(_stream(b"67", b"89"), _checksum(b"6789", "sha1"))
    await file.hash_all()
    await file.keep()
    assert (_content(path), _names(path)) == (b"0123456789", ["upload"])
    assert file.sha256 == hashlib.sha256(b"0123456789").hexdigest()
    assert growing.durable(path) == 10


async def test_a_second_writer_is_told_at_once_and_the_lock_ends_with_the_process_that_held_it(path: Path) -> None:
    await growing.begin(path)
    held = "import fcntl, sys, time\nfile = open(sys.argv[1], 'r+b')\nfcntl.flock(file, 2)\nprint('held', flush=True)\n"
    command = (sys.executable, "-c", f"{held}time.sleep(600)", f"{path}.part")
    other = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert other.stdout is not None
    assert await other.stdout.readline() == b"held\n"
    second = GrowingFile(path, TOTAL, Digests())
    with pytest.raises(UploadLocked):
        await second.open()
    assert growing.durable(path) == 0
    other.kill()
    await other.communicate()
    await second.open()
    with pytest.raises(UploadLocked):
        await GrowingFile(path, TOTAL, Digests()).open()
    await second.close()


async def test_a_checksum_that_does_not_fit_leaves_no_byte(path: Path, file: GrowingFile) -> None:
    await file.append(_stream(b"kept"))
    with pytest.raises(ChecksumMismatch):
        await file.append_checked(_stream(b"x" * (2 * BLOCK)), _checksum(b"y"))
    with pytest.raises(TruncatedUpload):
        await file.append_checked(_breaks(b"x" * (2 * BLOCK)), _checksum(b"x" * (2 * BLOCK)))
    assert (file.size, growing.durable(path), _names(path)) == (4, 4, ["upload.part"])


@pytest.mark.parametrize("text", ["", "md5 AAAA", "crc32 AAAA", "sha1 not base 64!", "sha1 é"])
async def test_a_checksum_that_nobody_understands_is_refused(text: str) -> None:
    with pytest.raises(UnsupportedChecksum):
        Checksum.parse(text)


async def test_a_checksum_is_read_as_tus_writes_it() -> None:
    wanted = _checksum(b"piece", "sha1")
    assert Checksum.parse(f"sha1 {base64.b64encode(wanted.digest).decode()}") == wanted


async def test_more_than_was_announced_is_refused_and_what_fits_stays(path: Path, file: GrowingFile) -> None:
    with pytest.raises(TooLarge):
        await file.append(_stream(b"x" * TOTAL, b"y"))
    assert growing.durable(path) == TOTAL


async def test_a_sender_who_is_cancelled_leaves_what_had_come(path: Path, file: GrowingFile) -> None:
    arrived = asyncio.Event()

    async def hangs() -> AsyncIterator[bytes]:
        yield b"x" * (BLOCK + 7)
        arrived.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(file.append(hangs()))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert growing.durable(path) == file.size == BLOCK + 7


async def test_who_was_removed_meanwhile_is_gone(path: Path, file: GrowingFile) -> None:
    await file.append(_stream(b"x"))
    path.with_name("upload.part").unlink()
    with pytest.raises(UploadGone):
        await file.keep()
    with pytest.raises(UploadGone):
        growing.durable(path)
    with pytest.raises(UploadGone):
        await GrowingFile(path, TOTAL, Digests()).open()


async def test_a_file_that_was_kept_and_not_registered_is_still_found_whole(path: Path, file: GrowingFile) -> None:
    await file.append(_stream(b"whole"))
    await file.keep()
    await file.close()
    again = GrowingFile(path, 5, Digests())
    await again.open()
    await again.hash_all()
    assert (again.size, again.path, again.sha256) == (5, path, hashlib.sha256(b"whole").hexdigest())
    await again.keep()
    await again.discard()
    await again.close()
    assert _names(path) == []


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of a megabyte."""
    (tmp_path / "small").mkdir()
    with small_disk(tmp_path / "small") as place:
        yield place


async def test_a_full_disk_keeps_what_there_was_room_for(small: Path) -> None:
    path = small / "upload"
    await growing.begin(path)
    file = GrowingFile(path, TOTAL, Digests())
    await file.open()
    with pytest.raises(DiskFull):
        await file.append(_stream(*[b"x" * (BLOCK // 4)] * 12))
    await file.close()
    length = growing.durable(path)
    assert 0 < length <= BLOCK
    assert _content(path.with_name("upload.part")) == b"x" * length


SIZES = st.sampled_from([0, 1, 7, 1000, BLOCK - 1, BLOCK + 1])
PIECES = st.lists(st.tuples(SIZES, st.sampled_from(["plain", "breaks", "checked", "wrong"]), st.booleans()), max_size=5)


@settings(max_examples=20, deadline=None, database=None)
@given(PIECES)
def test_whatever_happens_the_file_is_the_bytes_that_were_taken(pieces: list[tuple[int, str, bool]]) -> None:
    content, taken, sha256 = asyncio.run(_grown(pieces))
    assert content == taken
    assert sha256 == hashlib.sha256(taken).hexdigest()


async def _grown(pieces: list[tuple[int, str, bool]]) -> tuple[bytes, bytes, str]:
    """Each piece meets the file anew, sometimes in a process that knows nothing of it: what is there in the end, what
    was taken, and what it is said to hash to."""
    taken, digests = b"", Digests()
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "upload"
        await growing.begin(path)
        for number, (size, how, forgotten) in enumerate(pieces):
            digests = Digests() if forgotten else digests
            file = GrowingFile(path, 100 * BLOCK, digests)
            await file.open()
            assert file.size == len(taken)
            piece = bytes([number + 1]) * size
            taken += piece * await _added(file, piece, how)
            await file.close()
            assert growing.durable(path) == len(taken)
        last = GrowingFile(path, len(taken), digests)
        await last.open()
        await last.hash_all()
        await last.keep()
        await last.close()
        return _content(path), taken, last.sha256


async def _added(file: GrowingFile, piece: bytes, how: str) -> bool:
    """Whether the piece counts."""
    if how == "plain":
        await file.append(_stream(piece[: len(piece) // 2], piece[len(piece) // 2 :]))
    elif how == "breaks":
        with pytest.raises(TruncatedUpload):
            await file.append(_breaks(piece))
    elif how == "checked":
        await file.append_checked(_stream(piece), _checksum(piece))
    else:
        with pytest.raises(ChecksumMismatch):
            await file.append_checked(_stream(piece), _checksum(piece + b"x"))
    return how != "wrong"
