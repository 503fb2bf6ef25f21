"""Reading a source as a file while it arrives."""

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from interface_node.jobs.blocks import BLOCK_BYTES, BlockFile

FIRST_BLOCKS: Final = 2
MOST_BLOCKS: Final = 4 * 1024 * 1024 // BLOCK_BYTES


class Fetching(Protocol):
    """Whoever brings blocks. Called from the reader's thread."""

    def need(self, index: int, end: int) -> None:
        """Return when the block is there; those after it, before `end`, may follow."""

    def ahead(self, first: int, end: int) -> None:
        """These will probably be read next. Returns at once."""


@dataclass
class Window:
    """How far to read ahead: as far as was read in a row, so that at most as much again comes in vain.

    `begin` is where the row began, `asked` the block before which everything was asked for.
    """

    begin: int = 0
    asked: int = 0

    def moved(self, index: int) -> range:
        """Blocks to ask for now that `index` is read; none while half of what is ahead is still to come."""
        if not self.begin <= index <= self.asked:
            self.begin = self.asked = index
        width = min(max(index - self.begin + 1, FIRST_BLOCKS), MOST_BLOCKS)
        if self.asked - index > width // 2:
            return range(0)
        first, self.asked = self.asked, index + width
        return range(first, self.asked)


class BlockReader(io.RawIOBase):
    """A readable, seekable file over blocks that are there or come. A read is short where a block ends."""

    def __init__(self, blocks: BlockFile, fetching: Fetching, check: Callable[[], None]) -> None:
        super().__init__()
        self._blocks = blocks
        self._fetching = fetching
        self._check = check
        self._window = Window()
        self._position = 0
        self._index = -1

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes, and it costs nothing until something is read."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move; the new position."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._blocks.size}[whence]
        if origin + offset < 0:
            raise OSError(f"there is nothing before the first byte ({origin + offset})")
        self._position = origin + offset
        return self._position

    def tell(self) -> int:
        """The position."""
        return self._position

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, none at the end; all that follow when it is negative."""
        if size < 0:
            return self.readall()
        self._check()
        length = min(size, self._blocks.size - self._position)
        if length <= 0:
            return b""
        index = self._position // BLOCK_BYTES
        if index != self._index:
            self._enter(index)
        data = self._blocks.read(self._position, length)
        self._position += len(data)
        return data

    def _enter(self, index: int) -> None:
        coming = self._window.moved(index)
        if coming:
            self._fetching.ahead(coming.start, coming.stop)
        if not self._blocks.has(index):
            self._fetching.need(index, max(self._window.asked, index + 1))
        self._index = index
