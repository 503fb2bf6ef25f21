"""The live socket's moving parts, as long as the program runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from coordinator.api.live_audience import Audience, Bounds
from coordinator.api.live_feed import Hub
from coordinator.api.live_watch import Watch
from coordinator.services.context import Context


@asynccontextmanager
async def running(here: Context, bounds: Bounds | None = None) -> AsyncIterator[Hub]:
    """Start the hub and the watch; stop them at the end."""
    hub = Hub(here, Audience(bounds or Bounds()))
    stop = here.feed.listen(hub.hear)
    tasks = [asyncio.create_task(hub.run()), asyncio.create_task(Watch(here, hub).run())]
    try:
        yield hub
    finally:
        stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
