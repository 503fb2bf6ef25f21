"""Nodes that wait for work this moment: the pull lane's long polls of this process."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from coordinator.clock import monotonic
from coordinator.services.candidates import Polls
from coordinator.services.dispatching import Offer

EXPECTED_S = 5.0
"""So long after its last poll a node is believed to ask again: a busy machine, or a failure that it must report first,
takes longer than the moment that it usually is, and work that failed elsewhere must not go back to who failed at it."""


class PollDesk:
    """One waiting poll a node; a newer one replaces an older one, which then goes home empty."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._waiting: dict[str, asyncio.Future[Offer | None]] = {}
        self._left: dict[str, float] = {}
        self._light: set[str] = set()
        self._closed = False

    def close(self) -> None:
        """The program ends: every poll goes home now, and none waits any more."""
        self._closed = True
        for future in self._waiting.values():
            if not future.done():
                future.set_result(None)

    def polling(self) -> Polls:
        """Nodes that could be given work."""
        waiting = [key for key, future in self._waiting.items() if not future.done()]
        light = frozenset(waiting) & self._light
        since = self._now() - EXPECTED_S
        self._left = {key: at for key, at in self._left.items() if at > since}
        return Polls(frozenset(waiting) - light, light, frozenset(self._left) - frozenset(waiting))

    def deliver(self, interface_id: str, offer: Offer | None) -> bool:
        """Answer a poll with work, or with None so that it looks at its commands. False: nobody waits any more."""
        future = self._waiting.get(interface_id)
        if future is None or future.done():
            return False
        future.set_result(offer)
        return True

    @contextmanager
    def entered(self, interface_id: str, light: bool = False) -> Iterator[asyncio.Future[Offer | None]]:
        """Be there for news from now on: whoever asks the database first and waits afterwards misses what comes in
        between. The future gets work (`light`: an `assemble` only), or None when there is something to look at."""
        self.deliver(interface_id, None)
        future: asyncio.Future[Offer | None] = asyncio.get_running_loop().create_future()
        if self._closed:
            future.set_result(None)
        self._waiting[interface_id] = future
        (self._light.add if light else self._light.discard)(interface_id)
        try:
            yield future
        finally:
            if self._waiting.get(interface_id) is future:
                del self._waiting[interface_id]
                self._left[interface_id] = self._now()


async def heard(future: asyncio.Future[Offer | None], seconds: float) -> Offer | None:
    """What comes within so many seconds."""
    try:
        return await asyncio.wait_for(future, seconds)
    except TimeoutError:
        return None
