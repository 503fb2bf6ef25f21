"""A whole coordinator without HTTP: its context while its own loops run."""

from collections.abc import AsyncIterator

import pytest

from coordinator.app import create_app
from coordinator.services.context import Context
from coordinator.settings import Settings
from tests.coordinator.world import World


@pytest.fixture
async def context(settings: Settings) -> AsyncIterator[Context]:
    """Started as the program starts it, on SQLite."""
    app = create_app(settings)
    async with app.router.lifespan_context(app) as state:
        assert state is not None
        yield state["context"]


@pytest.fixture
async def here(context: Context) -> World:
    """A world in that coordinator's database."""
    return World(context.database, context.rules)
