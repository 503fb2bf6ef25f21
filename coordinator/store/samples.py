"""One row a minute about the whole system: written once, read as plots."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Insert, delete, func, insert, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from coordinator.store.schema import Json, table
from coordinator.store.tables import Samples
from coordinator.store.work import Work

_samples = table(Samples)
SUMMED = ("completed", "failed", "cancelled", "frames", "attempts_done", "attempts_failed")
AVERAGED = ("waiting_tasks", "waiting_steps", "busy_slots", "slots")


def add(work: Work, values: Json) -> None:
    """Write a minute, unless another replica has done so."""
    work.execute(_once(work).values(**values))


def _once(work: Work) -> Insert:
    match work.connection.dialect.name:
        case "sqlite":
            return sqlite_insert(_samples).on_conflict_do_nothing()
        case "postgresql":
            return postgresql_insert(_samples).on_conflict_do_nothing()
        case _:
            return insert(_samples).prefix_with("IGNORE")


def newest(work: Work) -> int | None:
    """The begin of the last minute that was written."""
    found = work.scalar(select(func.max(_samples.c.at)))
    return None if found is None else int(found)


def buckets(work: Work, since: int, seconds: int) -> Sequence[dict[str, Any]]:
    """Minutes from `since` on in spans of `seconds`, oldest first: what ended is summed, what was there is averaged."""
    begin = (_samples.c.at - _samples.c.at % seconds).label("begin")
    spans = select(begin, *(_samples.c[name] for name in (*SUMMED, *AVERAGED))).where(_samples.c.at >= since).subquery()
    statement = select(
        spans.c.begin,
        func.count().label("minutes"),
        *(func.sum(spans.c[name]).label(name) for name in SUMMED),
        *(func.avg(spans.c[name]).label(name) for name in AVERAGED),
    )
    rows = work.execute(statement.group_by(spans.c.begin).order_by(spans.c.begin)).mappings()
    return [_numbers(dict(row)) for row in rows]


def _numbers(row: dict[str, Any]) -> dict[str, Any]:
    """Databases differ in whether a sum or an average is an int, a float or a Decimal."""
    whole = {name: int(row[name]) for name in ("begin", "minutes", *SUMMED)}
    return whole | {name: None if row[name] is None else float(row[name]) for name in AVERAGED}


def forget_before(work: Work, at: int) -> None:
    """Forget old minutes."""
    work.execute(delete(_samples).where(_samples.c.at < at))
