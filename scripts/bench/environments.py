"""Virtual environments of their own for those that we compare ourselves with; kept in the cache for the next time."""

import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

TIMEOUT_S: Final = 1200


class NotHad(Exception):
    """Why an environment cannot be had, in a sentence."""


def python_of(folder: Path, packages: tuple[str, ...], needs: tuple[int, int] | None = None) -> Path:
    """The interpreter of the environment `folder` with `packages` in it, made if it is not there; NotHad.

    `needs` is the Python version beyond which the packages have no wheels.
    """
    python = folder / "bin" / "python"
    done = folder / "packages.txt"
    if done.is_file() and done.read_text().split() == list(packages):
        return python
    if needs is not None and sys.version_info[:2] > needs:
        raise NotHad(f"there are no wheels for Python {sys.version_info.major}.{sys.version_info.minor}")
    try:
        venv.create(folder, with_pip=True, symlinks=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotHad(f"no environment can be made: {error}") from error
    words = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
    try:
        made = subprocess.run([*words, *packages], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise NotHad(f"pip took more than {TIMEOUT_S} s") from error
    if made.returncode:
        raise NotHad((made.stderr.strip().splitlines() or ["pip said nothing"])[-1][:300])
    done.write_text("\n".join(packages))
    return python
