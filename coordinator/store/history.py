"""Events read in their order, each once: what sockets are told and what they are told again.

Numbers are given when an event is written, not when it is committed. On a server a transaction may hold a lower number
and commit later, so a reader that remembers "told up to 7" would skip the 6 that comes after. A missing number is
therefore waited for until nobody can fill it any more (`Doubt`). Who can is asked of the server: who holds the lock of
a writer on the table (PostgreSQL), or which rows are there but not committed (MariaDB, MySQL); neither has to wait.
SQLite has one writer at a time, whose numbers are in the order of its commits.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from sqlalchemy import bindparam, func, select, text

from coordinator.store.schema import table
from coordinator.store.tables import Events
from coordinator.store.work import Work

_events = table(Events)
_AFTER = select(_events).where(_events.c.seq > bindparam("after")).order_by(_events.c.seq).limit(bindparam("most"))
_NEWEST = select(func.max(_events.c.seq))
_NUMBERS = select(_events.c.seq).where(_events.c.seq > bindparam("after"), _events.c.seq <= bindparam("upto"))
_WRITERS: Final = text(
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND relation = 'events'::regclass "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND mode = 'RowExclusiveLock'"
)
LOOK_BACK: Final = 10_000
"""No transaction that is still open has a number that is older than so many events."""
RESERVED_S: Final = {"mysql": 0.5, "mariadb": 0.5}
"""MariaDB gives a number a moment before its row can be seen; nothing but a statement's own CPU lies between."""


class Doubt(NamedTuple):
    """Numbers up to `upto` are missing that `writers` may still fill; found at `at` (monotonic seconds)."""

    upto: int
    writers: frozenset[str]
    at: float


class Look(NamedTuple):
    """What can be told now: the next events without a gap, where that ends, and what is waited for."""

    rows: Sequence[Events]
    position: int
    doubt: Doubt | None


def newest(work: Work) -> int:
    """The highest number; 0 when nothing ever happened."""
    return int(work.scalar(_NEWEST, {}) or 0)


def look(work: Work, position: int, doubt: Doubt | None, limit: int, now: float) -> Look:
    """The next events after `position`, at most `limit`. Give `position` and `doubt` of the look before."""
    final, left = position, doubt
    if doubt is not None:
        left = narrowed(work, doubt, position, now)
        final = doubt.upto if left is None else position
    rows = work.rows(_AFTER, Events, {"after": position, "most": limit})
    told = list(_without_gap(rows, position, final))
    reached = told[-1].seq or 0 if told else position
    if len(told) == len(rows):
        return Look(told, reached, None)
    if left is None or left.upto <= reached:
        upto = rows[-1].seq or 0
        left = Doubt(upto, _writers(work, reached, upto), now)
    return Look(told, reached, left)


def doubt_newest(work: Work, now: float) -> Doubt:
    """For who begins to listen now: when this is narrowed to None, nothing up to `upto` can come any more."""
    upto = newest(work)
    return Doubt(upto, _writers(work, max(0, upto - LOOK_BACK), upto), now)


def narrowed(work: Work, doubt: Doubt, position: int, now: float) -> Doubt | None:
    """The doubt with the writers that are still open. None: what is missing now stays missing."""
    writers = doubt.writers & _writers(work, position, doubt.upto)
    if writers or now - doubt.at < RESERVED_S.get(work.connection.dialect.name, 0.0):
        return doubt._replace(writers=writers)
    return None


def _without_gap(rows: Sequence[Events], position: int, final: int) -> Iterator[Events]:
    """The rows before the first number that is missing and may still come; up to `final` none will."""
    for row in rows:
        seq = row.seq or 0
        if seq > max(position, final) + 1:
            return
        position = max(position, seq)
        yield row


def _writers(work: Work, after: int, upto: int) -> frozenset[str]:
    """Who may still fill a number up to `upto`: open transactions, or rows that are not committed, by their names."""
    match work.connection.dialect.name:
        case "postgresql":
            return frozenset(str(found) for found in work.scalars(_WRITERS))
        case "sqlite":
            return frozenset()
    span = {"after": after, "upto": upto}
    committed = set(work.connection.execute(_NUMBERS, span).scalars())
    with work.connection.engine.connect().execution_options(isolation_level="READ UNCOMMITTED") as dirty:
        return frozenset(str(found) for found in dirty.execute(_NUMBERS, span).scalars() if found not in committed)


def between(work: Work, after: int, upto: int, user_id: str | None, limit: int) -> Sequence[Events]:
    """Events after `after` up to `upto` that a user may see, oldest first; `user_id` None sees all."""
    statement = select(_events).where(_events.c.seq > after, _events.c.seq <= upto, _events.c.task_id.is_not(None))
    if user_id is not None:
        statement = statement.where(_events.c.user_id == user_id)
    return work.rows(statement.order_by(_events.c.seq).limit(limit), Events)


def count(work: Work, after: int, upto: int, user_id: str | None, most: int) -> int:
    """How many events `between` finds, counted no further than `most`."""
    where = (_events.c.seq > after) & (_events.c.seq <= upto) & _events.c.task_id.is_not(None)
    if user_id is not None:
        where &= _events.c.user_id == user_id
    found = select(_events.c.seq).where(where).limit(most).subquery()
    return int(work.scalar(select(func.count()).select_from(found)) or 0)
