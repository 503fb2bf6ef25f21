"""Files that arrive in pieces: their length is the truth, and only one writes at a time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coordinator.errors import ArtifactTooLarge, WrongOffset
from coordinator.gateway.pieces import append_piece, received

pytestmark = pytest.mark.anyio


async def _stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def _content(path: Path) -> bytes:
    return path.read_bytes()


def _names(path: Path) -> list[str]:
    return [found.name for found in path.parent.iterdir()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where an artifact shall lie; the directories are not there yet."""
    return tmp_path / "task" / "step" / "attempt" / "composite"


async def test_pieces_in_order_make_the_file(path: Path) -> None:
    assert await append_piece(path, 0, 10, _stream(b"0123")) == 4
    assert received(path) == 4
    assert _names(path) == ["composite.part"]
    assert await append_piece(path, 4, 10, _stream(b"456", b"", b"789")) == 10
    assert _content(path) == b"0123456789"
    assert _names(path) == ["composite"]


async def test_an_empty_file_is_whole_at_once(path: Path) -> None:
    assert await append_piece(path, 0, 0, _stream()) == 0
    assert _content(path) == b""


@pytest.mark.parametrize("offset", [0, 3, 5])
async def test_a_piece_that_does_not_start_at_the_end_is_told_where_the_end_is(path: Path, offset: int) -> None:
    await append_piece(path, 0, 10, _stream(b"0123"))
    with pytest.raises(WrongOffset) as refused:
        await append_piece(path, offset, 10, _stream(b"xx"))
    assert refused.value.params == {"received": 4}
    assert received(path) == 4


async def test_a_whole_file_takes_no_more(path: Path) -> None:
    await append_piece(path, 0, 4, _stream(b"0123"))
    for offset in (0, 4):
        with pytest.raises(WrongOffset) as refused:
            await append_piece(path, offset, 4, _stream(b"xxxx"))
        assert refused.value.params == {"received": 4}
    assert _content(path) == b"0123"


async def test_a_piece_that_passes_the_declared_size_leaves_nothing(path: Path) -> None:
    await append_piece(path, 0, 6, _stream(b"0123"))
    with pytest.raises(ArtifactTooLarge):
        await append_piece(path, 4, 6, _stream(b"4", b"56"))
    assert received(path) == 4
    assert await append_piece(path, 4, 6, _stream(b"45")) == 6
    assert _content(path) == b"012345"


async def test_large_pieces_that_pass_the_size_late_leave_nothing(path: Path) -> None:
    half = b"x" * (3 << 20)
    with pytest.raises(ArtifactTooLarge):
        await append_piece(path, 0, (6 << 20) - 1, _stream(half, half))
    assert received(path) == 0


async def test_an_offset_behind_the_end_is_too_large(path: Path) -> None:
    with pytest.raises(ArtifactTooLarge):
        await append_piece(path, 11, 10, _stream(b""))


async def test_a_stream_that_breaks_off_keeps_what_had_come(path: Path) -> None:
    async def breaks() -> AsyncIterator[bytes]:
        yield b"012"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await append_piece(path, 0, 10, breaks())
    assert received(path) == 3
    assert await append_piece(path, 3, 10, _stream(b"3456789")) == 10
    assert _content(path) == b"0123456789"


async def test_a_second_writer_is_refused_while_the_first_writes(path: Path) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"01"
        arrived.set()
        await go_on.wait()
        yield b"23"

    first = asyncio.create_task(append_piece(path, 0, 4, slow()))
    await arrived.wait()
    with pytest.raises(WrongOffset) as refused:
        await append_piece(path, 0, 4, _stream(b"xxxx"))
    assert refused.value.params == {"received": 0}
    go_on.set()
    assert await first == 4
    assert _content(path) == b"0123"


async def test_of_many_writers_at_once_one_wins(path: Path) -> None:
    attempts = [append_piece(path, 0, 8, _stream(bytes([65 + n]) * 8)) for n in range(8)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    assert [o for o in outcomes if o == 8] == [8]
    assert sum(isinstance(o, WrongOffset) for o in outcomes) == 7
    assert len(set(_content(path))) == 1


async def test_a_cancelled_piece_unlocks_the_file(path: Path) -> None:
    arrived = asyncio.Event()

    async def hangs() -> AsyncIterator[bytes]:
        yield b"01"
        arrived.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(append_piece(path, 0, 4, hangs()))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await append_piece(path, received(path), 4, _stream(b"0123"[received(path) :])) == 4
    assert _content(path) == b"0123"
