"""Masks without a model, at the seam where the pipeline asks for one."""

import threading

import numpy as np
from numpy.typing import NDArray

from interface_node.errors import Cancelled


class Halves:
    """Says that the upright left half is the person; remembers what it was shown."""

    def __init__(self, size: tuple[int, int] = (64, 64)) -> None:
        self.size = size
        self.seen: list[NDArray[np.float32]] = []

    def alpha(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        """`[3, h, w]` -> `[h, w]`."""
        self.seen.append(rgb.copy())
        width, height = self.size
        mask = np.zeros((height, width), np.float32)
        mask[:, : width // 2] = 1
        return mask

    def stop(self) -> None:
        """Nothing runs long."""


class Everything(Halves):
    """Says that everything is the person."""

    def alpha(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        """Ones."""
        return np.ones_like(super().alpha(rgb))


class Stuck(Halves):
    """Stays in its second frame until it is stopped, as a large model on a slow machine does."""

    def __init__(self) -> None:
        super().__init__()
        self.working = threading.Event()
        self._stopped = threading.Event()

    def alpha(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        """Waits for `stop`, from the second frame on."""
        if self.seen:
            self.working.set()
            self._stopped.wait()
            raise Cancelled("stopped")
        return super().alpha(rgb)

    def stop(self) -> None:
        """Let go."""
        self._stopped.set()
