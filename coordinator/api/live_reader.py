"""One socket as the hub sees it: what it wants, what it is owed, and when it was last heard.

What is owed is bounded: events up to `MOST_DUE`, then the reader is dropped and catches up by `since`; of what is no
event only the newest text of each thing is kept. The texts themselves are shared by all who are told them.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from coordinator.api.live_identity import Identity
from coordinator.clock import monotonic
from protocol.live import Close, Topic

MOST_DUE: Final = 1000
SLOW: Final = "slow_reader"
Thing = tuple[str, str]
"""What a text without a number is about: its type and the id."""


class Ending(NamedTuple):
    """Why a socket is closed."""

    code: Close
    reason: str


class Wish(NamedTuple):
    """What a client subscribed to; without topics what is usual for its role."""

    since: int | None
    topics: frozenset[Topic] | None


@dataclass(slots=True, eq=False)
class Reader:
    """A client that proved who it is. `told` is the number up to which it knows everything."""

    identity: Identity
    topics: frozenset[Topic] = frozenset()
    told: int = 0
    wish: Wish | None = None
    ending: Ending | None = None
    heard_at: float = field(default_factory=monotonic)
    said_at: float = field(default_factory=monotonic)
    busy_since: float | None = None
    cut: Callable[[], None] = lambda: None
    _due: deque[str] = field(default_factory=deque)
    _numbers: dict[Thing, str] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def subscribe(self, wish: Wish) -> None:
        """Begin anew; whoever writes to the socket looks here first."""
        self.wish = wish
        self._wake.set()

    def forget(self) -> None:
        """Owe nothing: a subscription begins."""
        self._due.clear()
        self._numbers.clear()

    def owe(self, text: str) -> None:
        """Say this next, after what is already owed."""
        if self.ending is not None:
            return
        if len(self._due) >= MOST_DUE:
            self.drop()
            return
        self._due.append(text)
        self._wake.set()

    def owe_event(self, seq: int, thing: Thing, text: str) -> None:
        """Say that something happened, unless it is known; older numbers of the same thing are worth nothing then."""
        if seq > self.told:
            self.told = seq
            self._numbers.pop(thing, None)
            self.owe(text)

    def owe_numbers(self, thing: Thing, text: str) -> None:
        """Say how something stands, after all events; only the last word counts."""
        if self.ending is None:
            self._numbers[thing] = text
            self._wake.set()

    def drop(self) -> None:
        """It reads too slowly: it is owed nothing more and need not take what was already sent."""
        self.end(Close.SLOW_READER, SLOW)
        self.cut()

    def end(self, code: Close, reason: str) -> None:
        """Close the socket as soon as that can be said."""
        if self.ending is None:
            self.ending = Ending(code, reason)
            self.forget()
            self._wake.set()

    async def wait(self) -> None:
        """Until there is something to do."""
        await self._wake.wait()

    def take(self) -> str | None:
        """The next text, None when nothing is owed."""
        if self._due:
            return self._due.popleft()
        if self._numbers:
            thing = next(iter(self._numbers))
            return self._numbers.pop(thing)
        self._wake.clear()
        return None
