"""Bring a database to the newest revision: under a lock, and after a copy of an SQLite file."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from coordinator.errors import StorageUnavailable

log = logging.getLogger(__name__)
FOLDER = Path(__file__).resolve().parent.parent / "migrations"
LOCK = "segfleet_migrations"
LOCK_NUMBER = 7303014
LOCK_WAIT_S = 600


def upgrade(engine: Engine, folder: Path = FOLDER) -> str:
    """Run the pending revisions and return the newest one's id. Two programs that start at once take turns.

    StorageUnavailable: the lock was not to be had, or the database is newer than this program.
    """
    scripts = ScriptDirectory(str(folder))
    newest = str(scripts.get_current_head())
    with _locked(engine) as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if current == newest:
            return newest
        if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
            why = f"revision {current} is of a newer version of this program, or of a build before its first release"
            raise StorageUnavailable(f"the database's {why}")
        if engine.dialect.name == "sqlite" and current is not None:
            _copy(Path(str(engine.url.database)), current)
        command.upgrade(_config(folder, connection), "head")
        log.info("database_migrated", extra={"from_revision": current, "to_revision": newest})
    return newest


def _config(folder: Path, connection: Connection) -> Config:
    config = Config(folder / "alembic.ini")
    config.attributes["connection"] = connection
    return config


@contextmanager
def _locked(engine: Engine) -> Iterator[Connection]:
    """A connection inside a transaction that nobody else migrates in."""
    match engine.dialect.name:
        case "sqlite":
            yield from _sqlite(engine)
        case "postgresql":
            with engine.begin() as connection:
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": LOCK_NUMBER})
                yield connection
        case _:
            yield from _mariadb(engine)


def _sqlite(engine: Engine) -> Iterator[Connection]:
    """Foreign keys are off meanwhile, because a batch change replaces whole tables, and are checked at the end."""
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.rollback()
        with connection.begin():
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            if broken:
                raise StorageUnavailable(f"the migration left {len(broken)} rows without the row that they belong to")
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")


def _mariadb(engine: Engine) -> Iterator[Connection]:
    """MariaDB ends the transaction at every DDL statement, so the lock is one of its session."""
    with engine.begin() as connection:
        got = connection.scalar(text("SELECT GET_LOCK(:name, :wait)"), {"name": LOCK, "wait": LOCK_WAIT_S})
        if got != 1:
            raise StorageUnavailable(f"another program migrated the database for more than {LOCK_WAIT_S} s")
        try:
            yield connection
        finally:
            connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": LOCK})


def _copy(database: Path, revision: str) -> None:
    """`segfleet.db.<revision>.bak` beside the file; whole or not there."""
    target = database.with_name(f"{database.name}.{revision}.bak")
    partial = target.with_suffix(".partial")
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(partial)) as copy:
        source.backup(copy)
    partial.replace(target)
