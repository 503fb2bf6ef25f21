"""Files that come in: written as their bytes come, hashed while they do, never held whole."""

import contextlib
import errno
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

import pooch

from interface_node.errors import DiskFull, DownloadFailed

OnBytes = Callable[[int, int], None]
"""Told the bytes so far and all there will be, 0 where nobody says."""
PIECE: Final = 1 << 20
TIMEOUT_S: Final = 30
"""Without a single byte."""


def silent(_done: int, _total: int) -> None:
    """Nobody watches."""


class Landing:
    """A file that hashes what is written to it. Also the bar of `pooch`, from which it learns how much will come."""

    def __init__(self, file: IO[bytes], told: OnBytes, total: int = 0) -> None:
        self.total = total
        self._file = file
        self._told = told
        self._done = 0
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of what came so far."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> None:
        """The next piece."""
        self._file.write(data)
        self._hash.update(data)
        self._done += len(data)
        self._told(self._done, self.total)

    def flush(self) -> None:
        """At the end is enough."""

    def update(self, count: int) -> None:
        """`write` counts."""

    def reset(self) -> None:
        """`write` counts."""

    def close(self) -> None:
        """Whoever opened the file closes it."""


def copy(source: IO[bytes], target: Path, told: OnBytes, total: int = 0) -> str:
    """Write what is left of `source` to `target`: its sha256. OSErrors of either."""
    with target.open("wb") as file:
        landing = Landing(file, told, total)
        while piece := source.read(PIECE):
            landing.write(piece)
    return landing.sha256


def copy_file(path: Path, target: Path, told: OnBytes) -> str:
    """As `copy`, of a file on this machine; DownloadFailed when it cannot be read."""
    try:
        with path.open("rb") as source:
            return copy(source, target, told, path.stat().st_size)
    except OSError as error:
        if is_full(error):
            raise
        raise DownloadFailed(f"{path} cannot be read: {error.strerror}") from error


def download(url: str, target: Path, told: OnBytes) -> str:
    """Write what is at `url` to `target`: its sha256. DownloadFailed."""
    try:
        with target.open("wb") as file:
            landing = Landing(file, told)
            fetch = pooch.HTTPDownloader(progressbar=landing, chunk_size=PIECE, timeout=TIMEOUT_S)
            fetch(url, landing, None)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and is_full(error):
            raise
        raise DownloadFailed(f"{url} could not be downloaded: {error}") from error
    return landing.sha256


@contextlib.contextmanager
def room_in(folder: Path) -> Iterator[None]:
    """A folder to write to in the block, made if it is not there. DiskFull where there is no room, DownloadFailed where
    it cannot be written to for another reason."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if is_full(error):
            raise DiskFull(f"no room for a model in {folder}") from error
        why = error.strerror or str(error)
        raise DownloadFailed(f"{folder} cannot be written ({why}); set SEGFLEET_CACHE to a folder that can") from error


def is_full(error: OSError) -> bool:
    """Whether the disk, or one's share of it, is."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
