"""Files that are there whole or not at all, and the disk's errors as ours."""

import contextlib
import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import av.error

from interface_node.errors import BrokenMedia, DiskFull, NodeError, OutputUnwritable
from interface_node.pipeline.container import reason

HASHED_BYTES: Final = 4 * 1024 * 1024
NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def part_of(path: Path) -> Path:
    """Where a file is while it is not whole."""
    return path.with_name(f"{path.name}.part")


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` beside `path` and rename it there; DiskFull or OutputUnwritable leave nothing."""
    write_all({path: data})


def write_all(files: Mapping[Path, bytes]) -> None:
    """As `write_whole`, of several files: all of them, or none."""
    try:
        for path, data in files.items():
            with translated(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                part_of(path).write_bytes(data)
        publish(*files)
    finally:
        for path in files:
            part_of(path).unlink(missing_ok=True)


def publish(*paths: Path) -> None:
    """Make the finished `.part`s of `paths` durable under their own names: all of them, or, where one cannot be, none.

    What takes long or may find the disk full is done before the first one appears.
    """
    for path in paths:
        with translated(path):
            _sync(part_of(path))
    there: list[Path] = []
    try:
        for path in paths:
            with translated(path):
                part_of(path).replace(path)
            there.append(path)
    except BaseException:
        for path in there:
            path.unlink(missing_ok=True)
        raise
    for folder in {path.parent for path in paths}:
        with translated(folder):
            _sync(folder)


def sha256_of(path: Path, each: Callable[[], None] = lambda: None) -> str:
    """The hash of a file in hex, read in pieces; `each` is called between them and may end it by what it raises."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(HASHED_BYTES):
            found.update(piece)
            each()
    return found.hexdigest()


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Errors while `path` is written as ours: DiskFull, OutputUnwritable, or BrokenMedia.

    Encoders, muxers and options are fixed and tried, so what they refuse is in the source: a sound stream that says
    nonsense of itself, timestamps that run backwards.
    """
    try:
        yield
    except NodeError:
        raise
    except (av.error.FFmpegError, OSError) as error:
        number = getattr(error, "errno", None)
        if number in NO_ROOM:
            raise DiskFull(f"no room to write {path.name}") from error
        if number in errno.errorcode and number != errno.EINVAL:
            raise OutputUnwritable(f"{path.name} cannot be written: {reason(error)}") from error
        raise BrokenMedia(f"the streams of the file cannot be written again: {reason(error)}") from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
