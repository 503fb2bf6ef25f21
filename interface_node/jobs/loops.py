"""Loops that outlive an accident: what dies is logged by name and begun again a second later."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final

import structlog

_log = structlog.get_logger(__name__)
RESTART_S: Final = 1.0
CANCEL_AGAIN_S: Final = 0.5


async def forever(name: str, tick: Callable[[], Awaitable[None]]) -> None:
    """Await `tick` again and again until cancelled. `tick` does its own waiting."""
    while True:
        try:
            await tick()
        except Exception:  # noqa: BLE001 the edge of a loop
            _log.exception("loop_failed", loop=name)
            await asyncio.sleep(RESTART_S)


async def end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended: a library may take a cancellation for a timeout of its own, and go on."""
    while pending := {task for task in tasks if not task.done()}:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)  # their errors are seen


async def wait_for_any(timeout_s: float, *events: asyncio.Event) -> None:
    """Return when one of the events is set, or after `timeout_s`."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
