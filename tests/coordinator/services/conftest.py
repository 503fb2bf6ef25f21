"""What tests of rules need that do not depend on the kind of database."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coordinator.clock import system_clock
from coordinator.gateway.files import Files
from coordinator.gateway.probe.pool import ProbePool
from coordinator.services.uploads import Desk
from coordinator.store.database import Database
from coordinator.store.tables import Users
from tests import clips
from tests.coordinator.services.accounts import account


@pytest.fixture
async def sqlite_database(migrated_sqlite: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """A migrated, open SQLite database."""
    shutil.copyfile(migrated_sqlite, tmp_path / "segfleet.db")
    opened = Database(f"sqlite:///{tmp_path / 'segfleet.db'}", system_clock)
    opened.open(lambda news: None)
    yield opened
    await opened.close()


@pytest.fixture
async def desk(sqlite_database: Database, tmp_path: Path) -> AsyncIterator[Desk]:
    """A limit of 1 MiB and no quota."""
    home = tmp_path / "home"
    files = Files(home, home / "videos", home / "backgrounds", 0)
    files.prepare()
    probes = ProbePool(1)
    await probes.start()
    yield Desk(sqlite_database, files, probes, limit=1 << 20, storage_mb=0)
    await probes.stop()


@pytest.fixture
async def user(desk: Desk) -> Users:
    """Somebody."""
    return await account(desk.database, "somebody")


@pytest.fixture
def clip(tmp_path: Path) -> bytes:
    """A short video."""
    return clips.write(tmp_path / "clip.mp4").read_bytes()
