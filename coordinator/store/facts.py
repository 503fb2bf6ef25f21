"""Single values that every replica shares."""

from sqlalchemy import bindparam, insert, select, update

from coordinator.store.schema import Json, table
from coordinator.store.tables import Facts
from coordinator.store.work import Work

_facts = table(Facts)
_GET = select(_facts).where(_facts.c.name == bindparam("key"))


def get(work: Work, name: str) -> Json | None:
    """A value, or None."""
    row = work.row(_GET, Facts, {"key": name})
    return row.value if row is not None else None


def put(work: Work, name: str, value: Json) -> None:
    """Write a value."""
    if not work.changed(update(_facts).where(_facts.c.name == name).values(value=value)):
        work.execute(insert(_facts).values(name=name, value=value))
