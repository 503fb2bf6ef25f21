"""The coordinator's database for commands that need no running coordinator."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from coordinator.clock import system_clock
from coordinator.errors import CoordinatorError
from coordinator.settings import Settings, SettingsError, from_environment
from coordinator.store.database import Database
from coordinator.store.migrate import upgrade
from scripts.refusal import Refusal


def settings() -> Settings:
    """The coordinator's settings; a wrong one is a Refusal."""
    try:
        return from_environment()
    except SettingsError as error:
        raise Refusal(str(error), 2) from error


@contextmanager
def opened(chosen: Settings) -> Iterator[Database]:
    """The database, brought to the newest revision; errors of the coordinator inside come out as a Refusal."""
    chosen.home.mkdir(parents=True, exist_ok=True)
    database = Database(chosen.database_url, system_clock)
    try:
        upgrade(database.engine)
        yield database
    except CoordinatorError as error:
        detail = f"{error}: {error.detail}" if error.detail and error.detail != str(error) else str(error)
        raise Refusal(f"{detail.rstrip('.')}.") from error
    finally:
        asyncio.run(database.close())
