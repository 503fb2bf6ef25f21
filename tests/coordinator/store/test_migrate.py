import shutil
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, insert, inspect, text

from coordinator.errors import StorageUnavailable
from coordinator.store.database import make_engine
from coordinator.store.migrate import FOLDER, upgrade
from coordinator.store.schema import metadata, table
from coordinator.store.tables import Users

USER = {"id": "u", "username": "u", "password_hash": "", "role": "user", "created_at": 0.0}


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def test_models_and_migrations_agree(engine: Engine) -> None:
    upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_every_step_can_be_taken_back(engine: Engine) -> None:
    upgrade(engine)
    config = Config(FOLDER / "alembic.ini")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert set(inspect(engine).get_table_names()) == {"alembic_version"}


def test_a_second_start_changes_nothing(engine: Engine) -> None:
    revision = upgrade(engine)
    assert upgrade(engine) == revision


def test_programs_that_start_together_migrate_once(engine: Engine, database_url: str) -> None:
    others = [make_engine(database_url) for _ in range(3)]
    with ThreadPoolExecutor(len(others)) as pool:
        revisions = set(pool.map(upgrade, others))
    for other in others:
        other.dispose()
    assert revisions == {upgrade(engine)}
    assert set(metadata.tables) < set(inspect(engine).get_table_names())


def test_a_program_waits_for_another_that_has_just_made_the_file(sqlite_url: str) -> None:
    engine = make_engine(sqlite_url)
    other = sqlite3.connect(str(engine.url.database), isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")

    let_go = threading.Timer(0.3, other.execute, ["COMMIT"])
    let_go.start()
    with closing(other), engine.connect() as connection:
        let_go.join()
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    engine.dispose()


@pytest.mark.parametrize("revision", ["ffff", "0001"])
def test_a_database_of_another_program_is_left_alone(engine: Engine, revision: str) -> None:
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    with pytest.raises(StorageUnavailable, match="newer version"):
        upgrade(engine)


NEXT = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "next", "{head}", None, None


def upgrade() -> None:
    with op.batch_alter_table("users") as batch:
        batch.alter_column("email", existing_type=sa.String(254), type_=sa.String(300))
"""


def test_an_sqlite_file_is_copied_before_it_is_changed(sqlite_url: str, tmp_path: Path) -> None:
    engine = make_engine(sqlite_url)
    head = upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO facts (name, value) VALUES ('kept', '{}')"))
    folder = shutil.copytree(FOLDER, tmp_path / "migrations")
    (folder / "versions" / "next.py").write_text(NEXT.format(head=head))
    assert upgrade(engine, folder) == "next"
    engine.dispose()
    with closing(sqlite3.connect(tmp_path / f"segfleet.db.{head}.bak")) as copy:
        assert copy.execute("SELECT version_num, name FROM alembic_version, facts").fetchall() == [(head, "kept")]


def test_a_table_that_others_refer_to_keeps_their_rows_when_it_is_replaced(sqlite_url: str, tmp_path: Path) -> None:
    engine = make_engine(sqlite_url)
    head = upgrade(engine)
    with engine.begin() as connection:
        connection.execute(insert(table(Users)), USER)
        connection.execute(text("INSERT INTO batches (id, user_id, created_at) VALUES ('b', 'u', 0)"))
    folder = shutil.copytree(FOLDER, tmp_path / "migrations")
    (folder / "versions" / "next.py").write_text(NEXT.format(head=head))
    upgrade(engine, folder)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM batches JOIN users ON users.id = user_id")) == 1
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
    engine.dispose()
