"""A bounded hand-over between two threads that its writer can close and anybody can abort."""

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Aborted(Exception):
    """The run is being given up: leave quietly."""


class Channel(Generic[T]):
    """Holds at most `size` items; `put` waits for room, iteration waits for items and ends after `close`."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._aborted = False

    def put(self, item: T) -> None:
        """Hand an item over; Aborted when the run was given up."""
        with self._changed:
            self._changed.wait_for(lambda: self._aborted or len(self._items) < self._size)
            if self._aborted:
                raise Aborted
            self._items.append(item)
            self._changed.notify_all()

    def close(self) -> None:
        """Say that nothing more comes."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abort(self) -> None:
        """Wake both sides with Aborted and let go of what waits."""
        with self._changed:
            self._aborted = True
            self._items.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._aborted or self._closed or bool(self._items))
                if self._aborted:
                    raise Aborted
                if not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
