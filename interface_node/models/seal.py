"""What is known of a kept file: its hash, and the size and time it had when that was last true.

The seal lies beside the file. While size and time are those of the seal nothing is read; else the file is hashed again.
"""

import contextlib
import hashlib
import tempfile
from pathlib import Path

from pydantic import ValidationError

from interface_node.engine.interface import Frozen
from interface_node.errors import ModelInvalid
from protocol.base import Sha256

PIECE = 1 << 20


class Seal(Frozen):
    """The hash of a file of this size and time of change; `first_use` if only its first download vouches for it."""

    sha256: Sha256
    size: int
    changed_ns: int
    first_use: bool = False


def path_of(file: Path) -> Path:
    """Where the seal of `file` lies."""
    return file.with_name(f"{file.name}.seal")


def read(file: Path) -> Seal | None:
    """The seal of `file`; None where there is none, or none that can be read."""
    try:
        return Seal.model_validate_json(path_of(file).read_bytes())
    except (OSError, ValidationError):
        return None


def write(file: Path, sha256: str, first_use: bool = False) -> None:
    """Seal `file`, whose hash is known to be `sha256`."""
    now = file.stat()
    seal = Seal(sha256=sha256, size=now.st_size, changed_ns=now.st_mtime_ns, first_use=first_use)
    # Two processes may pull, or look, at once: each writes where no other does.
    with tempfile.TemporaryDirectory(prefix="seal-", dir=file.parent) as room:
        part = Path(room) / "seal"
        part.write_text(seal.model_dump_json(), encoding="utf-8")
        part.replace(path_of(file))


def check(file: Path, expected: str | None) -> None:
    """ModelInvalid when `file` has another hash than `expected`, or, where that is None, than its seal."""
    seal, now = read(file), file.stat()
    promised = expected or (seal.sha256 if seal else None)
    if promised is None:
        raise ModelInvalid(f"nothing says which hash {file.name} must have")
    if seal and (seal.sha256, seal.size, seal.changed_ns) == (promised, now.st_size, now.st_mtime_ns):
        return
    found = sha256_of(file)
    if found != promised:
        raise ModelInvalid(f"{file.name} was changed: it has sha256 {found}, expected {promised}")
    with contextlib.suppress(OSError):  # a folder that cannot be written to: hashed again the next time
        write(file, found, first_use=bool(seal and seal.first_use))


def sha256_of(file: Path) -> str:
    """The hash of a file of any size."""
    digest = hashlib.sha256()
    with file.open("rb") as data:
        while piece := data.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()
