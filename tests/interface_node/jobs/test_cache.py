"""Sources on disk: fetched once, kept while used, removed when room is needed."""

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from interface_node.jobs.blocks import BLOCK_BYTES
from interface_node.jobs.cache import SourceCache
from interface_node.jobs.room import Room
from interface_node.jobs.shared_source import SharedSource
from protocol.work import Source


class Origin:
    """Where files come from; counts."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.fetched = 0
        digest = hashlib.sha256(data).hexdigest()
        self.source = Source(url="/files/x", etag='"x"', sha256=digest, size=len(data))

    async def fetch(self, path: Path) -> None:
        """Write the file, slowly enough that somebody else may ask for it meanwhile."""
        self.fetched += 1
        await asyncio.sleep(0)
        await asyncio.to_thread(path.write_bytes, self.data)


@pytest.fixture
def cache(tmp_path: Path) -> SourceCache:
    """Room for 100 bytes."""
    found = SourceCache(tmp_path / "cache", Room(tmp_path), limit_bytes=100)
    found.open()
    return found


async def use(cache: SourceCache, origin: Origin) -> bytes:
    """Hold a source for a moment."""
    async with cache.hold(origin.source, origin.fetch) as path:
        return path.read_bytes()


@pytest.mark.anyio
async def test_two_who_ask_at_once_share_one_fetch(cache: SourceCache) -> None:
    origin = Origin(b"a" * 40)
    assert list(await asyncio.gather(use(cache, origin), use(cache, origin))) == [b"a" * 40, b"a" * 40]
    assert origin.fetched == 1


@pytest.mark.anyio
async def test_the_longest_unused_goes_first_and_what_is_used_stays(cache: SourceCache, tmp_path: Path) -> None:
    oldest, older, held, new = (Origin(letter * 40) for letter in (b"a", b"b", b"c", b"d"))
    await use(cache, oldest)
    async with cache.hold(held.source, held.fetch):
        for name, age in ((oldest.source.sha256, 50), (held.source.sha256, 90)):
            os.utime(tmp_path / "cache" / name, (1_000_000 - age, 1_000_000 - age))
        await use(cache, older)
        await use(cache, new)
        kept = {path.name for path in (tmp_path / "cache").iterdir()}
    assert oldest.source.sha256 not in kept
    assert {held.source.sha256, new.source.sha256} <= kept


@pytest.mark.anyio
async def test_a_fetch_that_fails_leaves_nothing(cache: SourceCache, tmp_path: Path) -> None:
    origin = Origin(b"a")

    async def broken(path: Path) -> None:
        await asyncio.to_thread(path.write_bytes, b"half")
        raise OSError("the line is dead")

    with pytest.raises(OSError, match="the line is dead"):
        async with cache.hold(origin.source, broken):
            pass
    assert list((tmp_path / "cache").iterdir()) == []
    assert await use(cache, origin) == b"a"


@pytest.mark.anyio
async def test_what_an_interrupted_process_left_is_removed_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "abc.part").write_bytes(b"half")
    SourceCache(tmp_path / "cache", Room(tmp_path)).open()
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.anyio
async def test_blocks_without_their_map_and_maps_without_their_blocks_are_removed_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    for name in ("a.sparse", "b.blocks", ".c.blocks.0123", "d.sparse", "d.blocks"):
        (tmp_path / "cache" / name).write_bytes(b"something")
    SourceCache(tmp_path / "cache", Room(tmp_path)).open()
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {"d.sparse", "d.blocks"}


async def with_a_block(cache: SourceCache, source: Source, index: int) -> None:
    """Bring one block of a large source."""
    async with cache.share(source) as shared:
        assert isinstance(shared, SharedSource)
        await shared.land(index, bytes(BLOCK_BYTES))


@pytest.mark.anyio
async def test_blocks_count_by_the_disk_they_take_and_go_together_with_their_map(tmp_path: Path) -> None:
    cache = SourceCache(tmp_path / "cache", Room(tmp_path), limit_bytes=4 * BLOCK_BYTES)
    cache.open()
    large = [Source(url="/f", etag="x", sha256=letter * 64, size=1000 * BLOCK_BYTES) for letter in "abc"]
    for source in large[:2]:
        await with_a_block(cache, source, 900)
    names = {path.name for path in (tmp_path / "cache").iterdir()}
    assert names == {f"{letter * 64}{suffix}" for letter in "ab" for suffix in (".sparse", ".blocks")}
    os.utime(tmp_path / "cache" / f"{'a' * 64}.sparse", (1_000_000, 1_000_000))
    os.utime(tmp_path / "cache" / f"{'a' * 64}.blocks", (1_000_000, 1_000_000))
    async with cache.share(large[2]) as shared:
        assert isinstance(shared, SharedSource)
        await shared.make_room(range(2))
    assert not any(path.name.startswith("a") for path in (tmp_path / "cache").iterdir())
    assert (tmp_path / "cache" / f"{'b' * 64}.sparse").exists()


@pytest.mark.anyio
async def test_those_who_share_a_source_share_one_object_and_the_last_one_closes_it(tmp_path: Path) -> None:
    cache = SourceCache(tmp_path / "cache", Room(tmp_path))
    cache.open()
    source = Source(url="/f", etag="x", sha256="a" * 64, size=10 * BLOCK_BYTES)
    async with cache.share(source) as first:
        async with cache.share(source) as second:
            assert first is second
        await with_a_block(cache, source, 3)
        assert isinstance(first, SharedSource)
        assert first.blocks.has(3)
    async with cache.share(source) as again:
        assert again is not first
        assert isinstance(again, SharedSource)
        assert again.blocks.has(3)
