"""Passwords: argon2 in threads of its own, at most two at a time, because each hash costs 64 MiB and half a second."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError

from coordinator.errors import BusyHashing, WeakPassword
from coordinator.settings import PASSWORD_BYTES

T = TypeVar("T")
AT_ONCE = 2
QUEUE = 16
RETRY_AFTER_S = 5
_ARGON2 = PasswordHash.recommended()


def hash_now(password: str) -> str:
    """The hash of a new password, computed in the caller's thread. WeakPassword: not 12 to 256 bytes."""
    if len(password.encode("utf-8", "surrogatepass")) not in PASSWORD_BYTES:
        raise WeakPassword(least=PASSWORD_BYTES.start, most=PASSWORD_BYTES.stop - 1)
    return _ARGON2.hash(password)


class Passwords:
    """Hashes without blocking the event loop."""

    def __init__(self, at_once: int = AT_ONCE, queue: int = QUEUE) -> None:
        self._most = at_once + queue
        self._waiting = 0
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="argon2")

    async def close(self) -> None:
        """Let the last hash end."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    async def hash(self, password: str) -> str:
        """The hash of a new password. WeakPassword; BusyHashing: try again in a moment."""
        return await self._run(lambda: hash_now(password))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether the password belongs to the hash; None (no such name) costs the same and is never right."""
        return await self._run(lambda: _matches(password, stored))

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._most:
            raise BusyHashing(retry_after_s=RETRY_AFTER_S)
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        future.add_done_callback(self._left)
        return await asyncio.shield(future)

    def _left(self, future: "asyncio.Future[T]") -> None:
        """Counted when the thread is free again, also for a caller who went away."""
        self._waiting -= 1
        if not future.cancelled():
            future.exception()


def _matches(password: str, stored: str | None) -> bool:
    if stored is None:
        _ARGON2.hash(password)
        return False
    try:
        return _ARGON2.verify(password, stored)
    except UnknownHashError:
        return False
