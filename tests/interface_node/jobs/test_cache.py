"""Sources on disk: fetched once, kept while used, removed when room is needed."""

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from interface_node.jobs.cache import SourceCache
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
    found = SourceCache(tmp_path / "cache", limit_bytes=100)
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
    SourceCache(tmp_path / "cache").open()
    assert list((tmp_path / "cache").iterdir()) == []
