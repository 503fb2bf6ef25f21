"""A wake-up for several loops."""

import asyncio


class Bell:
    """`ring` sets the event of every listener; each listener clears its own."""

    def __init__(self) -> None:
        self._listeners: list[asyncio.Event] = []

    def listen(self) -> asyncio.Event:
        """An event that is set by every ring from now on."""
        event = asyncio.Event()
        self._listeners.append(event)
        return event

    def ring(self) -> None:
        """Wake all listeners."""
        for event in self._listeners:
            event.set()
