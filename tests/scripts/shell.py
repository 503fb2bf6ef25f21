"""The command line as a process of its own, with nothing of this machine's settings."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Self

from interface_node.settings import from_environment
from protocol.keys import KEYS

ROOT = Path(__file__).resolve().parents[2]
CACHE = from_environment().segfleet_cache
START_S = 150
STOP_S = 100


def environment(folder: Path, **keys: str) -> dict[str, str]:
    """The environment of a command: its home, its user's folders and its temporary files lie in `folder`."""
    kept = {name: value for name, value in os.environ.items() if name not in KEYS and not name.startswith("SEGFLEET_")}
    own = {
        "SEGFLEET_HOME": str(folder / "home"),
        "SEGFLEET_CACHE": str(CACHE),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "PYTHONPATH": str(ROOT),
        "NO_COLOR": "1",
        "PYTHONFAULTHANDLER": "1",
    }
    return {**kept, **own, **keys}


def segfleet(folder: Path, *words: str | Path, stdin: str = "", **keys: str) -> subprocess.CompletedProcess[str]:
    """Run `segfleet WORDS` in `folder` to its end."""
    return module(folder, "scripts.segfleet", *words, stdin=stdin, **keys)


def module(
    folder: Path, name: str, *words: str | Path, stdin: str = "", **keys: str
) -> subprocess.CompletedProcess[str]:
    """Run `python -m NAME WORDS` in `folder` to its end."""
    command = [sys.executable, "-m", name, *map(str, words)]
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(folder, **keys),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )


class Running:
    """A command that goes on running; its lines are read while it does."""

    def __init__(self, folder: Path, name: str, *words: str | Path, **keys: str) -> None:
        self.folder = folder
        self.out: list[str] = []
        self.err: list[str] = []
        self._news = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "-m", name, *map(str, words)],
            cwd=folder,
            env=environment(folder, **keys),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        pipes = ((self.process.stdout, self.out), (self.process.stderr, self.err))
        self._readers = [threading.Thread(target=self._read, args=pipe, daemon=True) for pipe in pipes]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.stop()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def _read(self, pipe: IO[str] | None, lines: list[str]) -> None:
        for line in pipe or ():
            with self._news:
                lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def line(self, words: str, *, count: int = 1) -> str:
        """Wait for the `count`-th line, on either stream, that contains `words`."""

        def found() -> list[str]:
            return [line for line in (*self.out, *self.err) if words in line]

        with self._news:
            ended = self._news.wait_for(lambda: len(found()) >= count or self.process.poll() is not None, START_S)
        assert ended, f"no {words!r} within {START_S} s: {self.out} {self.err}"
        assert len(found()) >= count, f"ended with {self.process.returncode} before {words!r}: {self.out} {self.err}"
        return found()[count - 1]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit code. One that goes on says where it stands, and fails."""
        self.process.send_signal(number)
        try:
            code = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self._join()
            raise AssertionError(f"runs on {STOP_S} s after {number.name}: {self.out} {self.err}") from None
        self._join()
        return code

    def _join(self) -> None:
        for reader in self._readers:
            reader.join(10)
