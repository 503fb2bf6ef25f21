"""What every table shares: names of constraints, column sizes, and access to a table by its class."""

from collections.abc import Collection
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnClause,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Update,
    bindparam,
    literal_column,
    update,
)
from sqlmodel import SQLModel

metadata: MetaData = SQLModel.metadata
metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

ID = 32
SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")
Json = dict[str, Any]


def indexes(*columns: str) -> tuple[Index, ...]:
    """Indexes for `__table_args__`, each named by its columns with spaces between."""
    return tuple(Index(None, *names.split()) for names in columns)


def table(model: type[SQLModel]) -> Table:
    """The table behind a class of `tables`, for Core statements."""
    return metadata.tables[str(model.__tablename__)]


@cache
def _defaults(model: type[SQLModel]) -> Json:
    return {name: None if field.is_required() else field.default for name, field in model.model_fields.items()}


def row_of(model: type[SQLModel], values: Json) -> Json:
    """All columns of a row to be inserted: `values`, and the defaults of what is left out."""
    return {**_defaults(model), **values}


def constants(states: Collection[str]) -> list[ColumnClause[str]]:
    """States as SQL text: constants of ours need no parameters, and a list of parameters is built anew at every run."""
    return [literal_column(f"'{state}'", String()) for state in sorted(states)]


@cache
def _guarded(of: Table, states: frozenset[str], names: tuple[str, ...]) -> Update:
    found = of.c.state.in_(constants(states))
    values = {name: bindparam(f"set_{name}", type_=of.c[name].type) for name in names}
    return update(of).where(of.c.id == bindparam("key"), found).values(values)


def guarded(of: Table, key: str, states: Collection[str], values: Json) -> tuple[Update, Json]:
    """An UPDATE of one row that must be in one of `states`, and its parameters. Built once for each shape: making a
    statement costs more than running it."""
    names = tuple(sorted(values))
    statement = _guarded(of, frozenset(str(state) for state in states), names)
    return statement, {"key": key, **{f"set_{name}": values[name] for name in names}}


@cache
def _changing(of: Table, names: tuple[str, ...]) -> Update:
    values = {name: bindparam(f"set_{name}", type_=of.c[name].type) for name in names}
    return update(of).where(of.c.id == bindparam("key")).values(values)


def changing(of: Table, key: str, values: Json) -> tuple[Update, Json]:
    """An UPDATE of one row by its id, and its parameters."""
    names = tuple(sorted(values))
    return _changing(of, names), {"key": key, **{f"set_{name}": values[name] for name in names}}
