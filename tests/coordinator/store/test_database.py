"""Units of work: whole or not at all, durable before they are answered, told to the world afterwards."""

import asyncio
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from coordinator.clock import system_clock
from coordinator.errors import NotFound, StorageUnavailable
from coordinator.store import facts
from coordinator.store.database import Database
from coordinator.store.work import Work

Unit = Callable[[Work], str]
PATIENCE_S = 20


def put(name: str, value: int = 1) -> Unit:
    """A unit that writes one fact and tells it."""

    def unit(work: Work) -> str:
        facts.put(work, name, {"value": value})
        work.announce(name)
        return name

    return unit


async def known(database: Database, name: str) -> bool:
    return await database.read(lambda work: facts.get(work, name)) is not None


@pytest.fixture
async def heard(database: Database) -> list[object]:
    """What the database told, in order; `open` was called without an ear, so it is opened again with one."""
    told: list[object] = []
    await database.close()
    database.open(told.extend)
    return told


async def test_news_come_after_the_commit_and_before_the_answer(database: Database, heard: list[object]) -> None:
    assert await database.write(put("a")) == "a"
    assert heard == ["a"]
    assert await known(database, "a")


async def test_a_failed_unit_leaves_nothing_and_tells_nothing(database: Database, heard: list[object]) -> None:
    def unit(work: Work) -> str:
        put("a")(work)
        raise NotFound(kind="test")

    with pytest.raises(NotFound):
        await database.write(unit)
    assert heard == []
    assert not await known(database, "a")


async def test_the_same_news_is_told_once(database: Database, heard: list[object]) -> None:
    await database.write(lambda work: [put("a")(work), put("a", 2)(work)])
    assert heard == ["a"]


async def test_one_failure_in_a_group_leaves_the_others(database: Database, heard: list[object]) -> None:
    gate = threading.Event()

    def waits(work: Work) -> str:
        assert gate.wait(PATIENCE_S)
        return put("first")(work)

    def fails(work: Work) -> str:
        put("wrong")(work)
        work.execute(text("SELECT * FROM no_such_table"))
        return "never"

    writes = [asyncio.ensure_future(database.write(unit)) for unit in (waits, put("a"), fails, put("b"))]
    await asyncio.sleep(0)
    gate.set()
    answers = await asyncio.gather(*writes, return_exceptions=True)
    assert [answers[place] for place in (0, 1, 3)] == ["first", "a", "b"]
    assert isinstance(answers[2], StorageUnavailable)
    assert sorted(map(str, heard)) == ["a", "b", "first"]
    assert not await known(database, "wrong")


async def test_a_patient_unit_shares_the_commit_of_another(tmp_path: Path, migrated_sqlite: Path) -> None:
    path = tmp_path / "shared.db"
    shutil.copy(migrated_sqlite, path)
    log = path.with_name("shared.db-wal")
    database = Database(f"sqlite:///{path}", system_clock)
    database.open(lambda news: None)
    await database.write(put("first"))
    sizes = [log.stat().st_size]
    await asyncio.gather(database.write(put("a"), patient=True), database.write(put("b")))
    sizes.append(log.stat().st_size)
    await database.write(put("c"))
    await database.write(put("d"))
    sizes.append(log.stat().st_size)
    assert await database.write(put("alone"), patient=True) == "alone"
    assert await known(database, "alone")
    await database.close()
    # a page that two units change is written once for both of them
    assert 0 < sizes[1] - sizes[0] < sizes[2] - sizes[1]


async def test_the_write_of_a_caller_who_went_away_still_happens_and_is_told(
    database: Database, heard: list[object]
) -> None:
    gate = threading.Event()

    def waits(work: Work) -> str:
        assert gate.wait(PATIENCE_S)
        return put("a")(work)

    write = asyncio.ensure_future(database.write(waits))
    await asyncio.sleep(0)
    write.cancel()
    with pytest.raises(asyncio.CancelledError):
        await write
    gate.set()
    await database.close()
    await asyncio.sleep(0)
    database.open(lambda news: None)
    assert await known(database, "a")
    assert heard == ["a"]


async def test_what_is_queued_at_the_close_is_written(database: Database) -> None:
    writes = [asyncio.ensure_future(database.write(put(f"fact{number}"))) for number in range(20)]
    await asyncio.sleep(0)
    await database.close()
    assert sorted(await asyncio.gather(*writes)) == sorted(f"fact{number}" for number in range(20))


async def test_now_is_one_moment_for_the_whole_unit(database: Database) -> None:
    first, second = await database.write(lambda work: (work.now, work.now))
    assert first == second
    assert abs(first - system_clock()) < 60


async def test_two_units_that_insert_one_key_at_once_both_succeed(database: Database) -> None:
    both = threading.Barrier(2)
    tries: list[str] = []

    def unit(name: str) -> Unit:
        def write(work: Work) -> str:
            first = name not in tries
            tries.append(name)
            assert facts.get(work, "shared") is None or not first or database.is_sqlite
            if first and not database.is_sqlite:
                both.wait(PATIENCE_S)
            facts.put(work, "shared", {"by": name})
            return name

        return write

    assert list(await asyncio.gather(database.write(unit("a")), database.write(unit("b")))) == ["a", "b"]
    assert await known(database, "shared")


@pytest.mark.parametrize("kind", ["postgres", "mariadb"])
def test_a_unit_that_lost_a_deadlock_runs_again(kind: str, request: pytest.FixtureRequest) -> None:
    database = Database(str(request.getfixturevalue(f"{kind}_url")), system_clock)
    database.run(lambda work: work.execute(text("CREATE TABLE pair (name VARCHAR(9) PRIMARY KEY, n INT NOT NULL)")))
    database.run(lambda work: work.execute(text("INSERT INTO pair VALUES ('a', 0), ('b', 0)")))
    both, tries = threading.Barrier(2), list[str]()

    def crossing(first: str, second: str) -> None:
        def unit(work: Work) -> None:
            again = first in tries
            tries.append(first)
            work.execute(text("UPDATE pair SET n = n + 1 WHERE name = :name"), {"name": first})
            if not again:
                both.wait(PATIENCE_S)
            work.execute(text("UPDATE pair SET n = n + 1 WHERE name = :name"), {"name": second})

        database.run(unit)

    with ThreadPoolExecutor(2) as threads:
        for call in [threads.submit(crossing, "a", "b"), threads.submit(crossing, "b", "a")]:
            call.result(PATIENCE_S)
    total = database.look(lambda work: work.scalar(text("SELECT SUM(n) FROM pair")))
    database.engine.dispose()
    assert int(total) == 4
    assert len(tries) > 2


async def test_a_full_disk_fails_the_write_tells_the_failure_and_nothing_else(
    migrated_sqlite: Path, tmp_path: Path
) -> None:
    path = tmp_path / "full.db"
    shutil.copyfile(migrated_sqlite, path)
    database = Database(f"sqlite:///{path}", system_clock)
    told: list[object] = []
    failures: list[str] = []
    database.open(told.extend)
    database.when_failing(lambda: failures.append("failed"))

    def full(work: Work) -> None:
        pages = work.connection.exec_driver_sql("PRAGMA page_count").scalar()
        work.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    def large(work: Work) -> None:
        facts.put(work, "large", {"value": "x" * 1_000_000})
        work.announce("large")

    await database.write(full)
    with pytest.raises(StorageUnavailable) as refused:
        await database.write(large)
    assert (told, failures) == ([], ["failed"])
    assert "large" not in str(refused.value)
    await database.write(lambda work: work.connection.exec_driver_sql("PRAGMA max_page_count = 100000"))
    await database.write(large)
    assert told == ["large"]
    await database.close()


async def test_a_server_that_is_not_there_is_unavailable_storage() -> None:
    database = Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing", system_clock)
    failures: list[str] = []
    database.open(lambda news: None)
    database.when_failing(lambda: failures.append("failed"))
    with pytest.raises(StorageUnavailable):
        await database.write(put("a"))
    with pytest.raises(StorageUnavailable):
        await database.read(lambda work: facts.get(work, "a"))
    assert failures == ["failed"]
    await database.close()
