"""Events are read in their order and each once, in whatever order transactions commit."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, Transaction, insert

from coordinator.clock import monotonic, system_clock
from coordinator.store import history
from coordinator.store.database import Database
from coordinator.store.history import Doubt
from coordinator.store.schema import table
from coordinator.store.tables import Events
from coordinator.store.work import Work
from tests.system.patience import until

EVENT: dict[str, Any] = {"at": 0.0, "kind": "k", "task_id": "t", "user_id": "u", "interface_id": None, "data": {}}
SECONDS = 30.0
WRITERS = 3
MOST = 5
STEPS = st.lists(
    st.tuples(st.integers(0, WRITERS - 1), st.sampled_from(["write", "keep", "undo", "look"])), max_size=30
)


@dataclass
class Listener:
    """Somebody who looks again and again and keeps what it was told."""

    database: Database
    position: int = 0
    doubt: Doubt | None = None
    told: list[int] = field(default_factory=list)

    def begin(self) -> None:
        """Everything that is there, or will be with a number before it, is no news."""
        doubt = self.database.look(lambda work: history.doubt_newest(work, monotonic()))
        self.position = doubt.upto
        until(
            lambda: self.database.look(lambda work: history.narrowed(work, doubt, 0, monotonic())) is None, SECONDS, ""
        )

    def look(self) -> list[int]:
        """The numbers of what can be told now."""
        found = self.database.look(lambda work: history.look(work, self.position, self.doubt, MOST, monotonic()))
        self.position, self.doubt = found.position, found.doubt
        self.told += [row.seq or 0 for row in found.rows]
        return [row.seq or 0 for row in found.rows]

    def hears(self, wanted: list[int]) -> bool:
        """Look until exactly these were told. Whether nothing else was."""

        def told() -> bool:
            self.look()
            assert self.told == wanted[: len(self.told)]
            return self.told == wanted

        until(told, SECONDS, f"{wanted} are told", lambda: self.told)
        return self.look() == []


@dataclass
class Writer:
    """A transaction that commits when it is told to."""

    connection: Connection
    transaction: Transaction | None = None
    written: list[int] = field(default_factory=list)

    def write(self) -> int:
        """One more event in the open transaction."""
        if self.transaction is None or not self.transaction.is_active:
            self.transaction = self.connection.begin()
            self.written = []
        found = self.connection.execute(insert(table(Events)).values(**EVENT))
        assert found.inserted_primary_key is not None
        self.written.append(int(found.inserted_primary_key[0]))
        return self.written[-1]

    def end(self, *, keep: bool) -> list[int]:
        """Commit or undo; what is kept."""
        if self.transaction is None or not self.transaction.is_active:
            return []
        (self.transaction.commit if keep else self.transaction.rollback)()
        return self.written if keep else []


@pytest.fixture(params=["postgres", "mariadb"])
def server(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database in which transactions run side by side."""
    engine: Engine = request.getfixturevalue(f"migrated_{request.param}")
    database = Database(engine.url.render_as_string(hide_password=False), system_clock)
    yield database
    with engine.begin() as connection:
        connection.execute(table(Events).delete())
    database.engine.dispose()


@pytest.fixture
def writers(server: Database) -> Iterator[list[Writer]]:
    """Some connections of their own."""
    made = [Writer(server.engine.connect()) for _ in range(WRITERS)]
    yield made
    for writer in made:
        writer.connection.close()


def listener(server: Database) -> Listener:
    """Somebody who begins to listen now."""
    made = Listener(server)
    made.begin()
    return made


def test_who_commits_late_is_waited_for_and_told_in_order(server: Database, writers: list[Writer]) -> None:
    ear = listener(server)
    late, early, _ = writers
    first, second = late.write(), early.write()
    early.end(keep=True)
    assert ear.look() == []
    assert ear.look() == []
    late.end(keep=True)
    assert ear.hears([first, second])


def test_a_number_that_was_undone_is_not_waited_for(server: Database, writers: list[Writer]) -> None:
    ear = listener(server)
    undone, kept, _ = writers
    undone.write()
    second = kept.write()
    kept.end(keep=True)
    assert ear.look() == []
    undone.end(keep=False)
    assert ear.hears([second])


def test_an_open_transaction_that_came_later_holds_nothing_up(server: Database, writers: list[Writer]) -> None:
    ear = listener(server)
    undone, kept, other = writers
    undone.write()
    undone.end(keep=False)
    second = kept.write()
    kept.end(keep=True)
    ear.look()
    other.write()
    assert ear.hears([second])
    other.end(keep=False)


def test_who_begins_to_listen_is_not_told_what_was_already_written(server: Database, writers: list[Writer]) -> None:
    late, early, _ = writers
    late.write()
    early.write()
    early.end(keep=True)
    doubt = server.look(lambda work: history.doubt_newest(work, monotonic()))
    assert server.look(lambda work: history.narrowed(work, doubt, 0, monotonic())) is not None
    late.end(keep=True)
    ear = listener(server)
    third = early.write()
    early.end(keep=True)
    assert ear.hears([third])


def test_whatever_the_order_each_event_is_told_once_and_in_order(server: Database, writers: list[Writer]) -> None:
    is_quick = server.engine.dialect.name == "postgresql"  # the other one waits for half a second when one is undone

    @settings(max_examples=20 if is_quick else 4, deadline=None)
    @given(steps=STEPS)
    def holds(steps: list[tuple[int, str]]) -> None:
        assert play(server, writers, steps)

    holds()


def play(server: Database, writers: list[Writer], steps: list[tuple[int, str]]) -> bool:
    """Do the steps, then commit what is open. Whether somebody who listened was told what was kept and no more."""
    ear, kept = listener(server), list[int]()
    for who, what in [*steps, *((who, "keep") for who in range(WRITERS))]:
        match what:
            case "write":
                writers[who].write()
            case "look":
                ear.look()
            case _:
                kept += writers[who].end(keep=what == "keep")
    return ear.hears(sorted(kept))


async def test_a_page_of_the_past_holds_what_an_account_may_see(database: Database) -> None:
    def unit(work: Work) -> None:
        for user in ("a", "b", "a"):
            work.insert(insert(table(Events)), "seq", {**EVENT, "user_id": user})

    await database.write(unit)
    newest = await database.read(history.newest)
    mine = await database.read(lambda work: history.between(work, 0, newest, "a", 9))
    everybodys = await database.read(lambda work: history.between(work, 0, newest - 1, None, 9))
    assert [row.user_id for row in mine] == ["a", "a"]
    assert [row.user_id for row in everybodys] == ["a", "b"]
    assert await database.read(lambda work: history.count(work, 0, newest, "a", 9)) == 2
    assert await database.read(lambda work: history.count(work, 0, newest, None, 2)) == 2
