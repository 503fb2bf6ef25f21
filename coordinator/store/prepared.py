"""Statements that are compiled once and then run on the driver itself.

SQLAlchemy's own execution costs some 0.2 ms of CPU a statement, the driver a tenth (`scripts/bench/dispatch.py` shows
what that means for a job). A statement that was built at import and is run with parameters goes this way; any other
goes SQLAlchemy's. The SQL is SQLAlchemy's in both cases, its processors convert the values, and rows are named tuples.
"""

import json
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from functools import lru_cache
from typing import Any, NamedTuple, cast

from sqlalchemy import JSON, ClauseElement, Connection, Dialect, Executable, Insert, Select, Update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

Convert = Callable[[Any], Any]
SHORT_JSON = 1000
"""Characters; what a node or a probe said at length is decoded each time."""


class Bind(NamedTuple):
    """A parameter: its value when none is given, and how the driver wants it."""

    name: str
    default: Any
    convert: Convert | None


class Plan(NamedTuple):
    """SQL of one dialect. `order` names the parameters by position; None where the driver takes them by name."""

    sql: str
    order: tuple[str, ...] | None
    binds: tuple[Bind, ...]
    make: Callable[[Iterable[Any]], Any]
    columns: tuple[tuple[int, Convert], ...]


@lru_cache(maxsize=1024)
def _plan(statement: Executable, dialect: Dialect, without: tuple[str, ...] = ()) -> Plan:
    """`without` names columns of an INSERT that the database fills."""
    keys = None
    if isinstance(statement, Insert):
        keys = [column.name for column in statement.table.columns if column.name not in without]
    compiled = cast("ClauseElement", statement).compile(dialect=dialect, column_keys=keys)
    assert isinstance(compiled, SQLCompiler)
    binds = tuple(
        Bind(name, bind.effective_value, bind.type.dialect_impl(dialect).bind_processor(dialect))
        for name, bind in compiled.binds.items()
    )
    order = tuple(compiled.positiontup or ()) if compiled.positional else None
    # a statement keeps the `exported_columns` that it was once asked for, also in a copy that returns something
    chosen = list(statement.exported_columns if isinstance(statement, Select) else compiled.effective_returning or ())
    columns = [(place, _converter(column.type, dialect)) for place, column in enumerate(chosen)]
    make = _row_class(tuple(column.key or f"column_{place}" for place, column in enumerate(chosen)))
    return Plan(str(compiled), order, binds, make, tuple((p, found) for p, found in columns if found is not None))


def _converter(of: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    """psycopg gives Python's own types for every column of ours; the other drivers know neither JSON nor booleans."""
    if dialect.name == "postgresql":
        return None
    return _json if isinstance(of, JSON) else of.dialect_impl(dialect).result_processor(dialect, None)


def _json(text: str | None) -> Any:
    """A row is read some ten times while its task moves, and its JSON hardly ever changes: the last texts are known.

    The outermost list or dictionary is the caller's own.
    """
    found = None if text is None else _known_json(text) if len(text) <= SHORT_JSON else json.loads(text)
    return copy(found) if isinstance(found, (dict, list)) else found


@lru_cache(maxsize=4096)
def _known_json(text: str) -> Any:
    return json.loads(text)


@lru_cache(maxsize=256)
def _row_class(names: tuple[str, ...]) -> Callable[[Iterable[Any]], Any]:
    """Makes rows: tuples whose values have names, and that nobody can assign to."""
    factory: Any = namedtuple  # its fields are only known here
    make: Callable[[Iterable[Any]], Any] = factory("row", names, rename=True)._make
    return make


def rows(connection: Connection, statement: Executable, parameters: Mapping[str, Any]) -> list[Any]:
    """Run a SELECT. DBAPIError as SQLAlchemy raises it."""
    plan = _plan(statement, connection.dialect)
    cursor = _run(connection, plan, parameters)
    try:
        found = cursor.fetchall()
    finally:
        cursor.close()
    if not plan.columns:
        return [plan.make(values) for values in found]
    return [plan.make(_converted(plan, values)) for values in found]


def _converted(plan: Plan, values: Iterable[Any]) -> list[Any]:
    row = list(values)
    for place, convert in plan.columns:
        row[place] = convert(row[place])
    return row


def changed(connection: Connection, statement: Executable, parameters: Mapping[str, Any]) -> int:
    """Run an INSERT, UPDATE or DELETE; how many rows it matched."""
    cursor = _run(connection, _plan(statement, connection.dialect), parameters)
    try:
        return int(cursor.rowcount)
    finally:
        cursor.close()


def updated(connection: Connection, statement: Update, parameters: Mapping[str, Any]) -> list[Any] | None:
    """Run an UPDATE and return the rows as they are now; None where the database cannot: then nothing was run."""
    if not connection.dialect.update_returning:
        return None
    return rows(connection, _returning_rows(statement), parameters)


def added(connection: Connection, statement: Insert, parameters: Mapping[str, Any]) -> list[Any] | None:
    """Run an INSERT and return the row as it is now; None where the database cannot: then nothing was run."""
    if not connection.dialect.insert_returning:
        return None
    return rows(connection, _returning_rows(statement), parameters)


@lru_cache(maxsize=64)
def _returning_rows(statement: Update | Insert) -> Executable:
    return statement.returning(*statement.table.c)


def inserted(connection: Connection, statement: Insert, key: str, parameters: Mapping[str, Any]) -> int:
    """Run an INSERT; the number that the database gave to the column `key`."""
    if connection.dialect.name != "postgresql":
        cursor = _run(connection, _plan(statement, connection.dialect, (key,)), parameters)
        try:
            return int(cursor.lastrowid)
        finally:
            cursor.close()
    cursor = _run(connection, _plan(_returning(statement, key), connection.dialect, (key,)), parameters)
    try:
        return int(cursor.fetchone()[0])
    finally:
        cursor.close()


@lru_cache(maxsize=16)
def _returning(statement: Insert, key: str) -> Executable:
    return statement.returning(statement.table.c[key])


def _run(connection: Connection, plan: Plan, parameters: Mapping[str, Any]) -> Any:
    values = {}
    for name, default, convert in plan.binds:
        value = parameters.get(name, default)
        values[name] = value if convert is None or value is None else convert(value)
    given = values if plan.order is None else [values[name] for name in plan.order]
    cursor: Any = connection.connection.cursor()
    try:
        cursor.execute(plan.sql, given)
    except Exception as error:
        cursor.close()
        driver = connection.dialect.loaded_dbapi.Error
        if isinstance(error, driver):
            raise DBAPIError.instance(plan.sql, None, error, driver, dialect=connection.dialect) from error
        raise
    return cursor
