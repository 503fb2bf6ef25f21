"""What uploads hash to: piece by piece as the sender says, and as a whole while they grow."""

import asyncio
import base64
import hashlib
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple, Self

from coordinator.errors import UnsupportedChecksum

ALGORITHMS: Final = ("sha256", "sha1")
BLOCK: Final = 1 << 20
MOST: Final = 1000
"""Files whose digest is kept."""


class Checksum(NamedTuple):
    """What a piece should hash to."""

    algorithm: str
    digest: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """`sha256 BASE64`. UnsupportedChecksum."""
        algorithm, _, encoded = text.strip().partition(" ")
        if algorithm not in ALGORITHMS:
            raise UnsupportedChecksum(accepts=list(ALGORITHMS))
        try:
            return cls(algorithm, base64.b64decode(encoded.strip(), validate=True))
        except ValueError as error:
            raise UnsupportedChecksum("The checksum is not base 64", accepts=list(ALGORITHMS)) from error


class _Known:
    """How far a file was hashed."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.length = 0
        self.digest = hashlib.sha256()

    def advance(self, path: Path, length: int) -> None:
        """Hash up to `length`; blocks. The lock is held."""
        block = bytearray(BLOCK)
        with path.open("rb", buffering=0) as file, memoryview(block) as view:
            file.seek(self.length)
            while self.length < length and (count := file.readinto(view[: length - self.length])):
                self.digest.update(view[:count])
                self.length += count


class Digests:
    """The sha256 of files so far. What was taken of a growing file never changes, so it is hashed behind the sender's
    back, while the disk is waited for, and the last byte of a large file is not followed by reading it all again.

    Nothing but a saving: what is not known here, after a restart or on another replica, is read from the disk.
    """

    def __init__(self) -> None:
        self._known: dict[Path, _Known] = {}

    def follow(self, final: Path, path: Path, length: int) -> None:
        """Hash what came, in a thread of the running loop's; one who is at it already will be followed later."""
        following = asyncio.get_running_loop().run_in_executor(None, self._follow, final, path, length)
        following.add_done_callback(_heard)

    def whole(self, final: Path, path: Path, length: int) -> str:
        """Of the first `length` bytes, in hex; blocks."""
        known = self._of(final)
        with known.lock:
            if known.length > length:
                known.length, known.digest = 0, hashlib.sha256()
            known.advance(path, length)
            return known.digest.hexdigest()

    def forget(self, final: Path) -> None:
        """It is kept, or removed."""
        self._known.pop(final, None)

    def _follow(self, final: Path, path: Path, length: int) -> None:
        known = self._of(final)
        if known.lock.acquire(blocking=False):
            try:
                with suppress(OSError):  # removed meanwhile, or whoever needs the digest meets the same error
                    known.advance(path, length)
            finally:
                known.lock.release()

    def _of(self, final: Path) -> _Known:
        while len(self._known) >= MOST:
            self._known.pop(next(iter(self._known)), None)
        return self._known.setdefault(final, _Known())


def _heard(following: asyncio.Future[None]) -> None:
    """A loop that closes cancels it; what went wrong is met again by whoever needs the digest."""
    if not following.cancelled():
        following.exception()
