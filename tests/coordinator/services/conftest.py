"""A database for tests of rules that do not depend on its kind."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coordinator.clock import system_clock
from coordinator.store.database import Database


@pytest.fixture
async def sqlite_database(migrated_sqlite: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """A migrated, open SQLite database."""
    shutil.copyfile(migrated_sqlite, tmp_path / "segfleet.db")
    opened = Database(f"sqlite:///{tmp_path / 'segfleet.db'}", system_clock)
    opened.open(lambda news: None)
    yield opened
    await opened.close()
