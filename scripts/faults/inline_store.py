"""One database for all coordinators of a run, whose units run inline, and a watch on every row that they change.

The rows lie in memory, copied from a migrated template. Triggers tell the watch each change of a task, step, attempt,
node or account, whatever statement made it; a unit's changes are handed on after its COMMIT, in their order.
"""

import asyncio
import random
import sqlite3
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, TypeVar, cast

from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from coordinator.errors import StorageUnavailable
from coordinator.store.database import Database
from coordinator.store.migrate import upgrade
from coordinator.store.work import Work
from scripts.faults.parties import Party
from scripts.faults.virtual_time import Machine

T = TypeVar("T")
Row = dict[str, Any]
WATCHED: Final = {
    "tasks": ("id", "user_id", "state", "version", "progress", "frames_done", "frames_total"),
    "steps": ("id", "task_id", "kind", "ord", "state", "failures", "losses", "winner", "queued_at"),
    "attempts": (
        *("id", "step_id", "task_id", "interface_id", "boot_id", "state", "seq", "stage", "stage_done", "frames_done"),
        *("lease_until", "outcome", "error", "charge", "offered_at", "probation"),
    ),
    "users": ("id", "version"),
    "interfaces": ("id", "boot_id"),
}
"""Columns that the watch hears of, by table."""
COMMIT_S: Final = 0.004


class Change(NamedTuple):
    """A row before (None: inserted) and after (None: deleted)."""

    table: str
    before: Row | None
    after: Row | None

    @property
    def row(self) -> Row:
        """The row as it is, or was last."""
        return cast("Row", self.after if self.after is not None else self.before)


Watch = Callable[[Work, Sequence[Change]], None]


class Store:
    """The connection of this process, made anew for each run by `fresh`: compiled statements live as long as it."""

    def __init__(self) -> None:
        self._engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        self.connection = self._engine.connect()
        driver: Any = self.connection.connection.dbapi_connection
        self.driver = cast("sqlite3.Connection", driver)
        self.driver.isolation_level = None
        self.driver.create_function("heard", -1, self._hear)
        self._template = _migrated()
        self._changes: list[Change] = []
        self.watch: Watch = lambda work, changes: None

    def fresh(self, watch: Watch) -> None:
        """Empty, migrated tables, and another watch."""
        self.connection.rollback()
        self._template.backup(self.driver)
        self.driver.execute("PRAGMA foreign_keys=ON")
        self._changes, self.watch = [], watch

    def _hear(self, table: str, *values: Any) -> None:
        names = WATCHED[table]
        before, after = values[: len(names)], values[len(names) :]
        self._changes.append(
            Change(
                table,
                dict(zip(names, before, strict=True)) if before[0] is not None else None,
                dict(zip(names, after, strict=True)) if after[0] is not None else None,
            )
        )

    @contextmanager
    def unit(self, clock: Callable[[], float]) -> Iterator[Work]:
        """A transaction. What it changed is watched before anybody hears its news."""
        self._changes = []
        self.driver.execute("BEGIN IMMEDIATE")
        try:
            work = Work(self.connection, clock)
            yield work
        except BaseException:
            self.driver.execute("ROLLBACK")
            raise
        else:
            self.driver.execute("COMMIT")
            changes, self._changes = self._changes, []
            if changes:
                self.watch(work, changes)
        finally:
            self.connection.rollback()

    def look(self, clock: Callable[[], float], query: Callable[[Work], T]) -> T:
        """Read."""
        try:
            return query(Work(self.connection, clock))
        finally:
            self.connection.rollback()


def _migrated() -> sqlite3.Connection:
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    upgrade(engine)
    raw: Any = engine.raw_connection().driver_connection
    template = cast("sqlite3.Connection", raw)
    template.create_function("heard", -1, lambda *values: None)
    for table, names in WATCHED.items():
        old, new = (", ".join(f"{which}.{name}" for name in names) for which in ("OLD", "NEW"))
        none = ", ".join("NULL" for _ in names)
        for verb, told in (("INSERT", f"{none}, {new}"), ("UPDATE", f"{old}, {new}"), ("DELETE", f"{old}, {none}")):
            named = f"watch_{table}_{verb} AFTER {verb} ON {table}"
            template.execute(f"CREATE TRIGGER {named} BEGIN SELECT heard('{table}', {told}); END")
    template.commit()
    return template


class InlineDatabase(Database):
    """One coordinator's way to the store. `failing` makes every write fail, half of them after their COMMIT."""

    def __init__(self, store: Store, party: Party, machine: Machine, chance: random.Random) -> None:
        super().__init__("sqlite://", machine.time)
        self._store = store
        self._party = party
        self._chance = chance
        self._hear: Callable[[Sequence[Hashable]], None] = lambda news: None
        self._failed: Callable[[], None] = lambda: None
        self.failing = False

    def listen(self, listener: Callable[[Sequence[Hashable]], None]) -> None:
        """Where the news of committed units go."""
        self._hear = listener

    def when_failing(self, listener: Callable[[], None]) -> None:
        """Call this when a write failed."""
        self._failed = listener

    async def write(self, unit: Callable[[Work], T], *, patient: bool = False) -> T:
        """Wait in the writer's queue, a patient unit longer, run the unit, and tell its news."""
        await self._party.pause(self._chance.random() * COMMIT_S * (8 if patient else 1))
        if not self._party.up:
            raise asyncio.CancelledError
        if self.failing and self._chance.random() < 0.5:
            self._failed()
            raise StorageUnavailable("Fault")
        result, news = self.run(unit)
        if self.failing:
            self._failed()
            raise StorageUnavailable("Fault")
        if news:
            self._hear(news)
        return result

    async def read(self, query: Callable[[Work], T], *, brief: bool = False) -> T:
        """Look."""
        await self._party.pause(self._chance.random() * COMMIT_S)
        return self.look(query)

    def look(self, query: Callable[[Work], T]) -> T:
        """Look at once."""
        return self._store.look(self.clock, query)

    def run(self, unit: Callable[[Work], T]) -> tuple[T, Sequence[Hashable]]:
        """Run the unit at once."""
        try:
            with self._store.unit(self.clock) as work:
                result = unit(work)
            return result, work.news
        except DBAPIError as error:
            raise StorageUnavailable(type(error.orig).__name__) from error
