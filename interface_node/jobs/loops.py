"""Loops that outlive an accident: what dies is logged by name and begun again a second later."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

_log = structlog.get_logger(__name__)
RESTART_S: Final = 1.0


async def forever(name: str, tick: Callable[[], Awaitable[None]]) -> None:
    """Await `tick` again and again until cancelled. `tick` does its own waiting."""
    while True:
        try:
            await tick()
        except Exception:  # noqa: BLE001 the edge of a loop
            _log.exception("loop_failed", loop=name)
            await asyncio.sleep(RESTART_S)


async def wait_for_any(timeout_s: float, *events: asyncio.Event) -> None:
    """Return when one of the events is set, or after `timeout_s`."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
