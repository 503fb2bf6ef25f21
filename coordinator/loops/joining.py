"""Nodes that gave an address prove that they listen there, and are called from then on.

Woken by the news that a node joined, was approved or came back; tries at once, then ever more slowly while the node
lives in the pull lane. If it dies: nodes stay in the pull lane and ask for their work; `look` begins anew.
"""

import asyncio
import functools
import logging
from collections.abc import Iterator
from itertools import count
from typing import Final

from coordinator.clock import monotonic
from coordinator.domain.news import InterfaceChanged
from coordinator.errors import StorageUnavailable
from coordinator.services import registry
from coordinator.services.context import Context
from coordinator.store import interfaces
from coordinator.store.tables import Interfaces
from protocol.states import Admission, Lane

log = logging.getLogger(__name__)
FIRST_S: Final = 0.05
"""The first question often comes before the node has read the answer to its registration."""
EARLY_S: Final = 4.0
EARLY_TRIES: Final = 20
"""A node on a busy machine may register long before it listens: so many questions no further apart than `EARLY_S`."""
MOST_S: Final = 60.0


class Joining:
    """One task for each node that has not yet proved its address."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._woken: dict[str, asyncio.Event] = {}

    def hear(self, news: object) -> None:
        """The feed's listener."""
        if isinstance(news, InterfaceChanged):
            self.wake(news.interface_id)

    def wake(self, interface_id: str) -> None:
        """Look at this node: it may be due."""
        if interface_id in self._tasks:
            self._woken[interface_id].set()
            return
        self._woken[interface_id] = asyncio.Event()
        task = asyncio.create_task(self._watch(interface_id), name=f"joining {interface_id}")
        self._tasks[interface_id] = task
        task.add_done_callback(lambda done: self._ended(interface_id, done))

    async def look(self) -> None:
        """Wake every node that has yet to prove itself: at the start, and as a safety net."""
        for interface_id in await self._context.database.read(interfaces.unproved):
            self.wake(interface_id)

    async def close(self) -> None:
        """End every task."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, interface_id: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(interface_id, None)
        woken = self._woken.pop(interface_id, None)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, StorageUnavailable):
            log.warning("joining_interrupted", extra={"interface_id": interface_id})
        elif error is not None:
            log.error("joining_failed", exc_info=error)
        elif woken is not None and woken.is_set():
            self.wake(interface_id)

    async def _watch(self, interface_id: str) -> None:
        """Ask until the node proves itself, goes, or is called already. A fresh boot, or another address, is asked at
        once again."""
        woken, asked, pauses, due_at = self._woken[interface_id], None, waits(), 0.0
        while True:
            woken.clear()
            row = await self._context.database.read(lambda work: interfaces.get(work, interface_id))
            if row is None or not due(row):
                return
            if asked != (row.boot_id, row.address):
                asked, pauses, due_at = (row.boot_id, row.address), waits(), 0.0
            if monotonic() >= due_at:
                if await prove(self._context, row):
                    return
                due_at = monotonic() + next(pauses)
            try:
                await asyncio.wait_for(woken.wait(), max(0.0, due_at - monotonic()))
            except TimeoutError:
                continue


def due(row: Interfaces) -> bool:
    """Whether the node should be asked: it may work, is there, gave an address, and is not called yet."""
    may_work = row.admission in {Admission.APPROVED, Admission.QUARANTINED}
    return may_work and bool(row.online) and row.lane == Lane.PULL and row.address is not None


async def prove(context: Context, row: Interfaces) -> bool:
    """Ask who listens at the node's address; whoever holds its secret moves it to the push lane. Whether it did."""
    for sealed in (row.next_secret, row.secret):
        if sealed is not None and await _holds(context, row, sealed):
            return await context.database.write(functools.partial(registry.proved, row=row, sealed=sealed))
    return False


async def _holds(context: Context, row: Interfaces, sealed: str) -> bool:
    secret = context.door.secrets.open(sealed)
    if secret is None or row.address is None:
        return False
    return await context.interface_client.identify(row.address, row.node_id, secret)


def waits() -> Iterator[float]:
    """Seconds between two questions."""
    seconds = FIRST_S
    for tries in count(1):
        yield seconds
        seconds = min(EARLY_S if tries < EARLY_TRIES else MOST_S, seconds * 2)
