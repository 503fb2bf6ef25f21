"""SQLite's one writer: a thread that runs waiting units in one transaction and answers them after its COMMIT."""

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from coordinator.clock import Clock, monotonic
from coordinator.errors import StorageUnavailable
from coordinator.store.work import Work

log = logging.getLogger(__name__)
GROUP = 256
"""Units in one COMMIT at most; more would make the first of them wait for the last."""
PATIENCE_S = 0.03
"""How long a patient unit waits for another one to share a COMMIT with."""


@dataclass(slots=True)
class _Entry:
    unit: Callable[[Work], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    patient: bool = False
    outcome: tuple[Any, Sequence[Hashable]] | None = None
    error: BaseException | None = None


class GroupWriter:
    """Owns the only connection that writes."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="sqlite-writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Run what is queued, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    def submit(
        self, unit: Callable[[Work], Any], loop: asyncio.AbstractEventLoop, *, patient: bool = False
    ) -> asyncio.Future[tuple[Any, Sequence[Hashable]]]:
        """Queue a unit; the future gets its result and news after the COMMIT, or the error."""
        entry = _Entry(unit, loop, loop.create_future(), patient)
        self._queue.put(entry)
        return entry.future

    def _loop(self) -> None:
        with self._engine.connect() as connection:
            running = True
            while running:
                group, running = self._take()
                self._commit(connection, group)
                for loop in {entry.loop for entry in group}:
                    entries = [entry for entry in group if entry.loop is loop]
                    if not loop.is_closed():
                        loop.call_soon_threadsafe(_answer, entries)

    def _take(self) -> tuple[list[_Entry], bool]:
        """The next group, and whether more may come. Patient units alone wait a moment for one that is not."""
        group: list[_Entry] = []
        entry = self._queue.get()
        until, patient = monotonic() + PATIENCE_S, True
        while entry is not None:
            group.append(entry)
            patient = patient and entry.patient
            patience = until - monotonic() if patient else 0.0
            if len(group) == GROUP:
                return group, True
            try:
                entry = self._queue.get(timeout=patience) if patience > 0 else self._queue.get_nowait()
            except queue.Empty:
                return group, True
        return group, False

    def _commit(self, connection: Connection, group: list[_Entry]) -> None:
        if not group:
            return
        try:
            _say(connection, "BEGIN IMMEDIATE")
            if len(group) == 1:
                self._run_alone(connection, group[0])
                return
            for entry in group:
                self._run(connection, entry)
            _say(connection, "COMMIT")
        except Exception as error:  # the edge of the thread: without it nothing is written ever again
            log.exception("database_commit_failed")
            for entry in group:
                entry.error = StorageUnavailable(_named(error))
            self._roll_back(connection)
        finally:
            # SQLAlchemy counts every statement into a transaction of its own making; its end is ours
            connection.rollback()

    def _run_alone(self, connection: Connection, entry: _Entry) -> None:
        """The usual group has one unit: then its savepoint is the transaction."""
        _say(connection, "COMMIT" if self._runs(connection, entry) else "ROLLBACK")

    def _run(self, connection: Connection, entry: _Entry) -> None:
        _say(connection, "SAVEPOINT unit")
        if not self._runs(connection, entry):
            _say(connection, "ROLLBACK TO unit")
        _say(connection, "RELEASE unit")

    def _runs(self, connection: Connection, entry: _Entry) -> bool:
        """Whether the unit came to its end; `entry` then holds its outcome, otherwise its error."""
        work = Work(connection, self._clock)
        try:
            result = entry.unit(work)
        except Exception as error:
            entry.error = StorageUnavailable(_named(error)) if isinstance(error, DBAPIError) else error
            if isinstance(error, DBAPIError):
                log.exception("database_write_failed")
            return False
        entry.outcome = (result, work.news)
        return True

    def _roll_back(self, connection: Connection) -> None:
        try:
            _say(connection, "ROLLBACK")
        except sqlite3.Error:
            log.info("sqlite_rolled_back_by_itself")


def _say(connection: Connection, words: str) -> None:
    """A word about transactions, to the driver itself: four of them a unit are noticed."""
    driver: Any = connection.connection.dbapi_connection
    driver.execute(words)


def _named(error: Exception) -> str:
    """What callers are told: the kind of error and no words of SQL; the log has them all."""
    return type(error.orig).__name__ if isinstance(error, DBAPIError) else type(error).__name__


def _answer(entries: list[_Entry]) -> None:
    for entry in entries:
        if entry.future.cancelled():
            continue
        if entry.error is not None:
            entry.future.set_exception(entry.error)
        else:
            entry.future.set_result(entry.outcome)
