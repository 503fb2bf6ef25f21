"""The disk that kept files share: whatever its tenants hold without use, the longest unused goes first."""

import contextlib
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

_log = structlog.get_logger(__name__)
RESERVE_BYTES: Final = 1024**3
"""Disk that kept files leave to outputs."""
_SECTOR: Final = 512


@dataclass
class Kept:
    """Files that are kept or removed together; `size` in bytes that they take on the disk, `used_at` by its clock."""

    name: str
    size: int = 0
    used_at: float = 0.0
    paths: tuple[Path, ...] = ()

    def add(self, path: Path) -> None:
        """One more file; one that is gone meanwhile does not count."""
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            self.size += min(status.st_size, status.st_blocks * _SECTOR)
            self.used_at = max(self.used_at, status.st_mtime)
            self.paths = (*self.paths, path)

    def remove(self) -> None:
        """Make room."""
        for path in self.paths:
            path.unlink(missing_ok=True)
        _log.info("kept_file_evicted", file=self.name, size=self.size)


Unused = Callable[[], Iterable[Kept]]


class Room:
    """Room on the disk of `directory`. Tenants say what of theirs nobody uses now; safe in any thread."""

    def __init__(self, directory: Path, reserve_bytes: int = RESERVE_BYTES) -> None:
        self._directory = directory
        self._reserve = reserve_bytes
        self._tenants: list[Unused] = []

    def share(self, unused: Unused) -> None:
        """Another tenant."""
        self._tenants.append(unused)

    def make(self, size: int) -> bool:
        """Remove what is unused until `size` bytes fit beside the reserve; whether they do."""
        if self._free() >= size:
            return True
        for one in oldest_first(kept for tenant in self._tenants for kept in tenant()):
            one.remove()
            if self._free() >= size:
                return True
        return False

    def _free(self) -> int:
        return shutil.disk_usage(self._directory).free - self._reserve


def oldest_first(kept: Iterable[Kept]) -> list[Kept]:
    """The longest unused first."""
    return sorted(kept, key=lambda one: one.used_at)


def trimmed(kept: Iterable[Kept], unused: Iterable[Kept], limit: int) -> None:
    """Remove the longest unused until no more than `limit` bytes are kept."""
    held = sum(one.size for one in kept)
    for one in oldest_first(unused):
        if held <= limit:
            return
        held -= one.size
        one.remove()
