"""Programs that are kept running: started, watched, started again when they end, and stopped cleanly."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

STEADY_S: Final = 10.0
"""Who ran this long had a good start."""
LONGEST_PAUSE_S: Final = 30.0
TOLD_AT: Final = 4
"""This many bad starts in a row are told, with the last lines of the log."""
LOG_BYTES: Final = 20_000_000
TAIL_LINES: Final = 12
_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True)
class Program:
    """What to run. `log` takes its output; `stop_s` is how long it may take to end after SIGTERM."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    stop_s: float = 15.0


class DiedAtStart(Exception):
    """A program ended before the whole was ready."""

    def __init__(self, program: Program, code: int) -> None:
        super().__init__(
            f"{program.name} ended at its start ({ending(code)}); its log is {program.log}:\n{tail(program.log)}"
        )
        self.code = code


class Kept:
    """One program that is kept running. While it is not `settled`, its end is an error; afterwards it starts again."""

    def __init__(self, program: Program, say: Callable[[str], None]) -> None:
        self.program = program
        self.settled = False
        self.starts = 0
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self.task = asyncio.create_task(self._keep(), name=program.name)

    @property
    def pid(self) -> int | None:
        """The process that runs now, or None."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process is not None and running else None

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL after `stop_s`; returns when the process is gone."""
        self._stopping.set()
        self._signal(signal.SIGTERM)
        done, _ = await asyncio.wait({self.task}, timeout=self.program.stop_s)
        if not done:
            self._say(f"{self.program.name} did not end within {self.program.stop_s:g} s and is killed")
            self.kill()
            await asyncio.wait({self.task})
        if not self.task.cancelled():
            self.task.exception()

    def kill(self) -> None:
        """SIGKILL, for somebody who does not want to wait."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _keep(self) -> None:
        bad_starts = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            code = await self._once()
            if self._stopping.is_set():
                return
            if not self.settled:
                raise DiedAtStart(self.program, code)
            bad_starts = 0 if time.monotonic() - began >= STEADY_S else bad_starts + 1
            pause_s = min(LONGEST_PAUSE_S, 0.5 * 2.0 ** (bad_starts - 1)) if bad_starts else 0.0
            self._tell(code, bad_starts, pause_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)

    def _tell(self, code: int, bad_starts: int, pause_s: float) -> None:
        program = self.program
        again = f"starting it again in {pause_s:g} s" if pause_s else "starting it again"
        if bad_starts < TOLD_AT:
            self._say(f"{program.name} ended ({ending(code)}); {again}")
        elif bad_starts == TOLD_AT:
            self._say(
                f"{program.name} ended {bad_starts} times in a row within {STEADY_S:g} s of its start "
                f"({ending(code)}); trying on. Its log is {program.log}:\n{tail(program.log)}"
            )

    async def _once(self) -> int:
        """Run it from its start to its end; the exit code, negative for a signal."""
        with open_log(self.program.log) as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.program.command,
                env=dict(self.program.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in a terminal reaches the keeper alone, which knows the order
                preexec_fn=_die_with_parent,
            )
        self.starts += 1
        if self._stopping.is_set():
            self._signal(signal.SIGTERM)
        return await self._process.wait()


_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """A keeper that was killed leaves nobody behind: the kernel sends SIGTERM in its name."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def open_log(path: Path) -> BinaryIO:
    """`path` to append to; what has grown too long is put aside as `.1` first."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return open(path, "ab", opener=lambda name, flags: os.open(name, flags, 0o600))


def tail(path: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log, indented; long lines are cut."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 16_384))
            found = file.read().decode("utf-8", "replace").splitlines()
    except OSError as error:
        return f"    (it cannot be read: {error.strerror})"
    return "\n".join(f"    {line[:300]}" for line in found[-lines:]) or "    (it is empty)"


def ending(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
