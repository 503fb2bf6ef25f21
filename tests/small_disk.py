"""A disk that is soon full."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(place: Path, size_mb: int = 1) -> Iterator[Path]:
    """A disk of so many megabytes at `place`; skips aloud where none can be mounted."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("NO SMALL DISK CAN BE MOUNTED HERE: a node's full disk is not tested")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
