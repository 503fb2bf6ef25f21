"""One unit of work: a connection inside a transaction, its time, and what to tell the world after the commit."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, CursorResult, Executable, Insert, Update, text

from coordinator.store import prepared

T = TypeVar("T")
NOW = {
    "postgresql": text("SELECT extract(epoch FROM clock_timestamp())"),
    "mysql": text("SELECT UNIX_TIMESTAMP(SYSDATE(6))"),
    "mariadb": text("SELECT UNIX_TIMESTAMP(SYSDATE(6))"),
}
"""A server's own time, so that replicas with different clocks agree on leases; SQLite has one process and its clock."""


class Work:
    """What a service and the store see of the database.

    A unit may run again after a deadlock, so it has no effect but through this object. Rows come back typed as their
    table's class; they are tuples and cannot be assigned to.
    """

    def __init__(self, connection: Connection, clock: Callable[[], float]) -> None:
        self.connection = connection
        self._clock = clock
        self._now: float | None = None
        self.news: list[Hashable] = []

    @property
    def now(self) -> float:
        """Unix time in seconds, one value for the whole unit."""
        if self._now is None:
            statement = NOW.get(self.connection.dialect.name)
            self._now = self._clock() if statement is None else float(self.connection.scalar(statement))
        return self._now

    def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run a statement that was made for this call; `parameters` may be a list of rows."""
        return self.connection.execute(statement, parameters)

    def run(self, statement: Executable, parameters: Mapping[str, Any]) -> int:
        """Run a prepared INSERT, UPDATE or DELETE; how many rows it matched is the verdict of a guarded move."""
        return prepared.changed(self.connection, statement, parameters)

    def locked(self, lock: Update, read: Executable, kind: type[T], parameters: Mapping[str, Any]) -> T | None:
        """Run a prepared UPDATE of one row and read it, in one statement where the database can. None: no such row."""
        found = prepared.updated(self.connection, lock, parameters)
        if found is None:
            return self.row(read, kind, parameters) if self.run(lock, parameters) else None
        return cast("T", found[0]) if found else None

    def added(self, statement: Insert, read: Executable, kind: type[T], parameters: Mapping[str, Any]) -> T:
        """Run a prepared INSERT of a row with an `id` and read it, in one statement where the database can."""
        found = prepared.added(self.connection, statement, parameters)
        if found is None:
            self.run(statement, parameters)
            found = prepared.rows(self.connection, read, {"key": parameters["id"]})
        return cast("T", found[0])

    def insert(self, statement: Insert, key: str, parameters: Mapping[str, Any]) -> int:
        """Run a prepared INSERT; the number that the database gave to the column `key`."""
        return prepared.inserted(self.connection, statement, key, parameters)

    def row(self, statement: Executable, kind: type[T], parameters: Mapping[str, Any] | None = None) -> T | None:
        """The first row, typed as its table's class; None when there is none. With parameters: prepared."""
        if parameters is None:
            return cast("T | None", self.connection.execute(statement).first())
        found = prepared.rows(self.connection, statement, parameters)
        return cast("T", found[0]) if found else None

    def rows(self, statement: Executable, kind: type[T], parameters: Mapping[str, Any] | None = None) -> Sequence[T]:
        """All rows, typed as their table's class. With parameters: prepared."""
        if parameters is None:
            return cast("Sequence[T]", self.connection.execute(statement).all())
        return cast("Sequence[T]", prepared.rows(self.connection, statement, parameters))

    def scalar(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> Any:
        """The first column of the first row, or None. With parameters: prepared."""
        if parameters is None:
            return self.connection.execute(statement).scalar()
        found = prepared.rows(self.connection, statement, parameters)
        return found[0][0] if found else None

    def scalars(self, statement: Executable) -> Sequence[Any]:
        """The first column of every row."""
        return self.connection.execute(statement).scalars().all()

    def changed(self, statement: Executable) -> int:
        """Run an UPDATE or DELETE that was made for this call; how many rows it matched."""
        return self.connection.execute(statement).rowcount

    def announce(self, news: Hashable) -> None:
        """Tell the world after the commit, and only then."""
        if news not in self.news:
            self.news.append(news)
