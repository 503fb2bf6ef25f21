"""The disk that what is merely kept shares: of all its tenants' files the longest unused goes first."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import structlog

_log = structlog.get_logger(__name__)
RESERVE_BYTES: Final = 1024**3
"""Disk that kept files leave to outputs."""

Unused = Callable[[], Iterable[Path]]


class Room:
    """Room below `directory`. Tenants say which of their files nobody uses now; safe in any thread."""

    def __init__(self, directory: Path, reserve_bytes: int = RESERVE_BYTES) -> None:
        self._directory = directory
        self._reserve = reserve_bytes
        self._tenants: list[Unused] = []

    def share(self, unused: Unused) -> None:
        """Another tenant."""
        self._tenants.append(unused)

    def make(self, size: int) -> bool:
        """Remove unused files until `size` bytes fit beside the reserve; whether they do."""
        if self._free() >= size:
            return True
        for _, path in aged(path for tenant in self._tenants for path in tenant()):
            remove(path)
            if self._free() >= size:
                return True
        return False

    def _free(self) -> int:
        return shutil.disk_usage(self._directory).free - self._reserve


def aged(paths: Iterable[Path]) -> list[tuple[os.stat_result, Path]]:
    """The longest unused first; what is gone meanwhile is left out."""
    found = []
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            found.append((path.stat(), path))
    return sorted(found, key=lambda entry: entry[0].st_mtime)


def remove(path: Path) -> None:
    """Remove a kept file that may be gone already."""
    _log.info("kept_file_evicted", file=path.name)
    path.unlink(missing_ok=True)
