"""The pages as they travel: read once, compressed once, below an address that changes with their content."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

WEB: Final = Path(__file__).resolve().parent.parent / "web"
INDEX: Final = "index.html"
VERSION_MARK: Final = "VERSION"
"""Where `index.html` says this, the address of the assets stands."""
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
"""What is served, and as what; anything else in the folder stays there."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file in both forms; `etag` is without quotes."""

    plain: bytes
    packed: bytes
    content_type: str
    etag: str


@dataclass(frozen=True, slots=True)
class Site:
    """All assets by their path below `web/`, the first page, and a version that changes when any of them does."""

    version: str
    index: Asset
    assets: dict[str, Asset]


@cache
def site() -> Site:
    """The pages of this program."""
    return read(WEB)


def read(folder: Path) -> Site:
    """What lies in a folder. Some 300 kB, so that it is held in memory."""
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in TYPES
    }
    whole = hashlib.sha256(b"".join(name.encode() + b"\0" + content for name, content in found.items()))
    version = whole.hexdigest()[:12]
    index = found.pop(INDEX).replace(VERSION_MARK.encode(), version.encode())
    return Site(version, _asset(INDEX, index), {name: _asset(name, content) for name, content in found.items()})


def _asset(name: str, content: bytes) -> Asset:
    etag = hashlib.sha256(content).hexdigest()[:24]
    return Asset(content, gzip.compress(content, 9, mtime=0), TYPES[Path(name).suffix], etag)
