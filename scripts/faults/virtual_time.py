"""Time and chance of a simulated run: an event loop whose clock jumps to the next timer, and seeded randomness.

The product asks the machine for time in `coordinator.clock` and for randomness in `coordinator.ids`, nowhere else;
there a `Machine` takes the place of the modules `time` and `secrets` while a run lasts. So equal seeds run equally,
down to every id.
"""

import asyncio
import random
import selectors
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Final, TypeVar, TypeVarTuple

from coordinator import clock, ids

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
EPOCH: Final = 1_800_000_000.0
SEAMS: Final = ((clock, "time"), (ids, "time"), (ids, "secrets"))


class Machine:
    """What the product sees of the machine. `stepped` is by how much its wall clock was set forward or back."""

    def __init__(self, seed: int) -> None:
        self.elapsed = 0.0
        self.stepped = 0.0
        self._chance = random.Random(f"machine {seed}")

    def monotonic(self) -> float:
        """Seconds since the run began."""
        return self.elapsed

    def time(self) -> float:
        """Unix time as the machine believes it."""
        return EPOCH + self.elapsed + self.stepped

    def time_ns(self) -> int:
        """For ids: never stepped back, so that ids sort as they were made."""
        return int((EPOCH + self.elapsed) * 1e9)

    def randbits(self, bits: int) -> int:
        """As `secrets.randbits`."""
        return self._chance.getrandbits(bits)

    def token_hex(self, count: int) -> str:
        """As `secrets.token_hex`."""
        return f"{self.randbits(8 * count):0{2 * count}x}"

    def token_urlsafe(self, count: int) -> str:
        """As `secrets.token_urlsafe`, from hexadecimal digits."""
        return self.token_hex(count)


@contextmanager
def installed(machine: Machine) -> Iterator[None]:
    """The product runs on this machine."""
    kept = [getattr(module, name) for module, name in SEAMS]
    try:
        for module, name in SEAMS:
            setattr(module, name, machine)
        yield
    finally:
        for (module, name), was in zip(SEAMS, kept, strict=True):
            setattr(module, name, was)


class _Leaping(selectors.SelectSelector):
    """Nothing outside is waited for: the time until the next timer passes at once."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self._machine = machine

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Let `timeout` seconds pass. RuntimeError: there is no timer, so nothing would ever happen again."""
        if timeout is None:
            raise RuntimeError("the simulation stands still: no timer is left")
        self._machine.elapsed += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on a machine's own time."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(_Leaping(machine))
        self._machine = machine

    def time(self) -> float:
        """Seconds since the run began."""
        return self._machine.elapsed

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> "asyncio.Future[T]":
        """Threads know no virtual time: what they would do is done at once."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whoever awaits the future gets it
            future.set_exception(error)
        return future
