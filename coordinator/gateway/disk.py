"""The few system calls that make bytes and names durable; a disk without room is DiskFull. All of it blocks."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from coordinator.errors import DiskFull

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def room() -> Iterator[None]:
    """Translate the system's words for a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DiskFull from error
        raise


def part_of(path: Path) -> Path:
    """The name of a file until it is whole."""
    return path.with_name(path.name + ".part")


def free_mb(path: Path) -> int:
    """Megabytes (2^20 bytes) that may still be written below `path`."""
    return shutil.disk_usage(path).free >> 20


def create(path: Path) -> int:
    """A descriptor of a new, empty file; directories above it are made, an old file of that name is emptied."""
    with room():
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)


def write_all(descriptor: int, block: bytes | bytearray) -> None:
    """Write every byte where the descriptor stands."""
    with room():
        left = memoryview(block)
        while left:
            left = left[os.write(descriptor, left) :]


def sync(descriptor: int) -> None:
    """Return when the file's bytes are on the disk."""
    with room():
        os.fsync(descriptor)


def close(descriptor: int) -> None:
    """Let go of the file."""
    with room():
        os.close(descriptor)


def publish(part: Path, final: Path) -> None:
    """Rename a whole, synced file, and make the new name durable."""
    with room():
        part.replace(final)
        sync_directory(final.parent)


def sync_directory(path: Path) -> None:
    """Make names that came or went durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def store(path: Path, content: bytes) -> None:
    """Write a small file whole or not at all."""
    part = part_of(path)
    descriptor = create(part)
    try:
        write_all(descriptor, content)
        sync(descriptor)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    publish(part, path)
