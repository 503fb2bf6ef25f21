"""Kept parts: whose they are, how long they stay, and what goes first."""

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from interface_node.jobs.cache import SourceCache
from interface_node.jobs.parts import PartStore
from interface_node.jobs.room import Room
from interface_node.jobs.work import Made
from protocol.base import AttemptId, StepId, TaskId
from protocol.states import Output
from protocol.work import Part

ONE, OTHER = TaskId("t_one"), TaskId("../../etc")
NO_ROOM = 2**62


def store(home: Path, limit: int = 1000, retain_s: float = 60.0, reserve: int = 0) -> PartStore:
    home.mkdir(exist_ok=True)
    found = PartStore(home / "parts", Room(home, reserve), limit, retain_s)
    found.open()
    return found


def made(home: Path, data: bytes) -> Made:
    path = home / f"made-{data[:8].decode()}"
    path.write_bytes(data)
    return Made(Output.COMPOSITE, path, hashlib.sha256(data).hexdigest(), len(data), 10)


def part(data: bytes) -> Part:
    return Part(
        step_id=StepId("s_1"),
        attempt_id=AttemptId("a_1"),
        output=Output.COMPOSITE,
        url="/files/x",
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        frames=10,
        first_pts=0,
    )


class Server:
    """Fetches `data` and counts."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.fetched = 0

    async def fetch(self, path: Path) -> None:
        self.fetched += 1
        await asyncio.to_thread(path.write_bytes, self.data)


def held(found: PartStore, task_id: TaskId, data: bytes) -> int:
    """Hold the part once; how often it was fetched."""

    async def hold() -> int:
        server = Server(data)
        async with found.hold(task_id, part(data), server.fetch) as path:
            assert path.read_bytes() == data
        return server.fetched

    return asyncio.run(hold())


def files(home: Path) -> list[Path]:
    return sorted((home / "parts").glob("*/*"))


def test_what_was_made_here_is_not_fetched_also_after_a_restart(tmp_path: Path) -> None:
    first = made(tmp_path, b"first")
    asyncio.run(store(tmp_path).keep(ONE, [first]))
    assert not first.path.exists()
    assert held(store(tmp_path), ONE, b"first") == 0
    assert held(store(tmp_path), OTHER, b"first") == 1


@pytest.mark.parametrize("damage", [b"", b"fir", b"fISrt"])
def test_a_damaged_copy_is_fetched_again(tmp_path: Path, damage: bytes) -> None:
    found = store(tmp_path)
    asyncio.run(found.keep(ONE, [made(tmp_path, b"first")]))
    files(tmp_path)[0].write_bytes(damage)
    assert [held(found, ONE, b"first"), held(found, ONE, b"first")] == [1, 0]


def test_the_parts_of_an_ended_task_go_and_others_stay(tmp_path: Path) -> None:
    found = store(tmp_path)
    asyncio.run(found.keep(ONE, [made(tmp_path, b"first")]))
    asyncio.run(found.keep(OTHER, [made(tmp_path, b"other")]))
    found.drop(ONE)
    found.drop(TaskId("t_never"))
    assert [path.read_bytes() for path in files(tmp_path)] == [b"other"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts"]


def test_the_longest_unused_goes_first_and_never_one_in_use(tmp_path: Path) -> None:
    found = store(tmp_path, limit=10, retain_s=2.0**40)

    async def scenario() -> list[bytes]:
        for age, data in enumerate((b"aaaa", b"bbbb", b"cccc")):
            await found.keep(ONE, [made(tmp_path, data)])
            os.utime(files(tmp_path)[0].parent / part(data).sha256, (1e9 + age, 1e9 + age))
        assert {path.read_bytes() for path in files(tmp_path)} == {b"bbbb", b"cccc"}
        async with found.hold(ONE, part(b"bbbb"), Server(b"bbbb").fetch):
            await found.keep(OTHER, [made(tmp_path, b"dddd")])
            found.drop(ONE)
        return sorted(path.read_bytes() for path in files(tmp_path))

    assert asyncio.run(scenario()) == [b"bbbb", b"dddd"]


def test_what_nobody_used_for_long_goes(tmp_path: Path) -> None:
    asyncio.run(store(tmp_path).keep(ONE, [made(tmp_path, b"old"), made(tmp_path, b"young")]))
    os.utime(files(tmp_path)[0].parent / part(b"old").sha256, (1e9, 1e9))
    store(tmp_path)
    assert [path.read_bytes() for path in files(tmp_path)] == [b"young"]
    os.utime(files(tmp_path)[0], (1e9, 1e9))
    store(tmp_path)
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["now"]


def test_a_full_disk_keeps_nothing_and_costs_nobody_a_result(tmp_path: Path) -> None:
    asyncio.run(store(tmp_path).keep(ONE, [made(tmp_path, b"first")]))
    full = store(tmp_path, reserve=NO_ROOM)
    other = made(tmp_path, b"other")
    asyncio.run(full.keep(ONE, [other]))
    assert files(tmp_path) == []
    assert other.path.exists()


def test_an_interrupted_fetch_leaves_nothing(tmp_path: Path) -> None:
    found = store(tmp_path)

    async def broken(path: Path) -> None:
        await asyncio.to_thread(path.write_bytes, b"fir")
        raise OSError("the line is cut")

    async def scenario() -> None:
        async with found.hold(ONE, part(b"first"), broken):
            raise AssertionError("nothing was fetched")

    with pytest.raises(OSError, match="cut"):
        asyncio.run(scenario())
    assert files(tmp_path) == []
    (tmp_path / "parts" / "x").mkdir()
    (tmp_path / "parts" / "x" / "y.part").write_bytes(b"what a killed process left")
    store(tmp_path)
    assert files(tmp_path) == []


def test_two_that_want_the_same_part_fetch_it_once(tmp_path: Path) -> None:
    found, server = store(tmp_path), Server(b"first")

    async def one() -> bytes:
        async with found.hold(ONE, part(b"first"), server.fetch) as path:
            await asyncio.sleep(0.01)
            return path.read_bytes()

    async def both() -> list[bytes]:
        return list(await asyncio.gather(one(), one()))

    assert asyncio.run(both()) == [b"first", b"first"]
    assert server.fetched == 1


def test_sources_and_parts_share_the_room_and_what_is_in_use_stays(tmp_path: Path) -> None:
    disk = Room(tmp_path, reserve_bytes=NO_ROOM)
    sources, parts = SourceCache(tmp_path / "cache", disk), PartStore(tmp_path / "parts", disk)
    sources.open()
    parts.open()
    (tmp_path / "cache" / "source").write_bytes(b"a source")
    (tmp_path / "parts" / "task").mkdir()
    (tmp_path / "parts" / "task" / "part").write_bytes(b"a part")
    used = part(b"used")

    async def scenario() -> None:
        async with parts.hold(ONE, used, Server(b"used").fetch):
            assert not disk.make(0)
            assert [path.name for path in files(tmp_path)] == [used.sha256]

    asyncio.run(scenario())
    assert list((tmp_path / "cache").iterdir()) == []
