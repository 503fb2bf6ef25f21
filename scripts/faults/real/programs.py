"""The product's programs as processes of their own: started, signalled, killed, and read afterwards."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.ports import listener

ROOT = Path(__file__).parents[3]
STOP_S = 25.0


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with listener("127.0.0.1", 0) as found:
        return int(found.getsockname()[1])


class Program:
    """One program that may be started again after its end; all its lives write one log."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], home: Path, name: str) -> None:
        self.log = home / f"{name}.log"
        self._arguments = arguments
        self._home = home
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin, in the program's home so that no `.env` of the repository is read."""
        self._home.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self._arguments], cwd=self._home, env=self._environment, stdout=log, stderr=log
            )

    @property
    def pid(self) -> int:
        """Of the last start."""
        assert self._process is not None
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return None if self._process is None else self._process.poll()

    def kill(self) -> None:
        """As the machine's power would: no word, no flush."""
        self._end(signal.SIGKILL)

    def terminate(self) -> int:
        """Ask it to end, wait, and return its exit code."""
        return self._end(signal.SIGTERM)

    def end(self) -> None:
        """Ask it to end; kill it when it does not listen."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.terminate()

    def ask_to_end(self) -> None:
        """Send SIGTERM and do not wait."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def freeze(self) -> None:
        """Let it stand still, sockets open, as a machine that swaps or a laptop that sleeps."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def complaints(self) -> list[str]:
        """What it logged as an error, and what broke before the log was set up."""
        return [line for line in self.said().splitlines() if '"level": "error"' in line or "Traceback" in line[:20]]

    def said(self) -> str:
        """Everything that it logged."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        self._process.send_signal(signal.SIGCONT)
        try:
            return self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_S)
            raise
