"""A file that is there in blocks: the bytes at their places, and a map of which of them have arrived."""

import contextlib
import hashlib
import os
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from interface_node.errors import DiskFull
from interface_node.jobs import durable
from interface_node.pipeline.whole_file import NO_ROOM

BLOCK_BYTES: Final = 256 * 1024
SAVE_BYTES: Final = 8 * 1024 * 1024
"""So much may have to be fetched again after a kill."""
DATA_SUFFIX: Final = ".sparse"
MAP_SUFFIX: Final = ".blocks"
_MAGIC: Final = b"segfleet blocks 1\n"
_HEAD: Final = struct.Struct(">QI")
_SUM: Final = struct.Struct(">I")


class BlockFile:
    """The blocks of one file of `size` bytes, in `<place>.sparse`, with their map in `<place>.blocks`.

    A block counts from when its bytes are written, and in the saved map from when they are on the disk: what a crash
    costs is fetched again, wrong bytes are never read. Safe for any number of threads.
    """

    def __init__(self, place: Path, size: int) -> None:
        self.size = size
        self.count = -(-size // BLOCK_BYTES)
        self._data = place.with_suffix(DATA_SUFFIX)
        self._map = place.with_suffix(MAP_SUFFIX)
        self._there = bytearray(self.count)
        self._held = 0
        self._unsaved = 0
        self._saving = threading.Lock()
        self._writing = threading.Lock()
        self._descriptor = -1

    def open(self) -> None:
        """Take what an earlier run left, or begin with nothing. DiskFull when not even that fits."""
        kept = _read_map(self._map, self.size)
        with _room():
            self._descriptor = os.open(self._data, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if kept is None or os.fstat(self._descriptor).st_size < self._reaches(kept):
                os.ftruncate(self._descriptor, 0)
                self._map.unlink(missing_ok=True)
                kept = bytes(self.count)
        os.utime(self._data)
        self._there[:] = kept
        self._held = sum(self.length(index) for index in range(self.count) if kept[index])

    @property
    def held(self) -> int:
        """Bytes that are there."""
        return self._held

    @property
    def complete(self) -> bool:
        """Whether every block is there."""
        return self._held == self.size

    def has(self, index: int) -> bool:
        """Whether a block is there."""
        return bool(self._there[index])

    def missing(self, first: int, end: int) -> int | None:
        """The first block of `first <= index < end` that is not there."""
        found = self._there.find(0, first, min(end, self.count))
        return None if found < 0 else found

    def length(self, index: int) -> int:
        """Bytes of a block: the last one may be short."""
        return min(BLOCK_BYTES, self.size - index * BLOCK_BYTES)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes from `offset` on, at most `length`, out of a block that is there."""
        end = min((offset // BLOCK_BYTES + 1) * BLOCK_BYTES, self.size, offset + length)
        return os.pread(self._descriptor, end - offset, offset)

    def write(self, index: int, data: bytes) -> None:
        """Put a whole block where it belongs. DiskFull when there is no room."""
        if len(data) != self.length(index):
            raise ValueError(f"block {index} has {self.length(index)} bytes, not {len(data)}")
        with self._writing, _room():
            written = os.pwrite(self._descriptor, data, index * BLOCK_BYTES)
        if written != len(data):
            raise DiskFull("no room for the source")
        with self._saving:
            if not self._there[index]:
                self._there[index] = 1
                self._held += len(data)
                self._unsaved += len(data)
        if self._unsaved >= SAVE_BYTES:
            self.save()

    def save(self) -> None:
        """Make what arrived since the last time count after a restart, too."""
        with self._saving:
            there = bytes(self._there)
            if not self._unsaved or not self._data.exists():
                return
            with _room():
                os.fdatasync(self._descriptor)
                durable.write(self._map, _map_of(self.size, there))
            self._unsaved = 0

    def sha256(self) -> str:
        """The hash of the whole, once it is complete."""
        with self._data.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def publish(self, path: Path) -> None:
        """Become the file at `path`; it can still be read here until it is closed."""
        with self._saving:
            os.fdatasync(self._descriptor)
            self._data.replace(path)
            self._map.unlink(missing_ok=True)
            self._unsaved = 0

    def remove(self) -> None:
        """Leave nothing on the disk."""
        with self._saving:
            self._data.unlink(missing_ok=True)
            self._map.unlink(missing_ok=True)
            self._unsaved = 0

    def close(self) -> None:
        """Let go of the file; `save` comes before."""
        with self._writing:  # a late write must not reach the next file that gets this number
            descriptor, self._descriptor = self._descriptor, -1
            if descriptor >= 0:
                os.close(descriptor)

    def _reaches(self, there: bytes) -> int:
        return min((there.rfind(1) + 1) * BLOCK_BYTES, self.size)


@contextlib.contextmanager
def _room() -> Iterator[None]:
    """A disk without room, as ours."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise DiskFull("no room for the source") from error
        raise


def _map_of(size: int, there: bytes) -> bytes:
    body = _MAGIC + _HEAD.pack(size, BLOCK_BYTES) + there
    return body + _SUM.pack(zlib.crc32(body))


def _read_map(path: Path, size: int) -> bytes | None:
    """A byte for each block, as saved for a file of this size; None when that cannot be trusted."""
    try:
        saved = path.read_bytes()
    except FileNotFoundError:
        return None
    there = saved[len(_MAGIC) + _HEAD.size : -_SUM.size]
    return there if saved == _map_of(size, there) and len(there) == -(-size // BLOCK_BYTES) else None
