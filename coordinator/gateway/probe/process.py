"""One warm worker process, as the pool holds it. Blocking; each is used by one thread at a time."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

from coordinator.clock import monotonic
from coordinator.gateway.probe import wire

_ROOT: Final = Path(__file__).resolve().parents[3]
_START: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); from coordinator.gateway.probe.worker import main; "
    "main(int(sys.argv[2]))"
)
_START_TIMEOUT: Final = 30.0
_END_TIMEOUT: Final = 1.0


class NotStarted(Exception):
    """The process never said that it is ready: a fault of this machine, not of a file."""


class Died(Exception):
    """The process ended while it looked at the file; `out_of_time` when its CPU limit ended it."""

    def __init__(self, out_of_time: bool) -> None:
        super().__init__(out_of_time)
        self.out_of_time = out_of_time


class Worker:
    """A child that `start()` makes. It gets no environment, so it has no secrets to lose."""

    def __init__(self) -> None:
        self.served = 0
        self.peak_kb = 0
        self._ready = False
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        """The process id; None before the start."""
        return None if self._process is None else self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process is there to be asked."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process without waiting for it; the first request does that."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _START, str(_ROOT), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env={"PATH": os.defpath},
                cwd="/",
                start_new_session=True,
            )
        self._link = ours

    def ask(self, do: str, file: int, timeout: float) -> wire.Answer:
        """One answer. TimeoutError, Died, NotStarted: the process must be stopped and thrown away."""
        assert self._link is not None
        self._wait_until_ready(self._link)
        self._link.settimeout(timeout)
        deadline = monotonic() + timeout
        try:
            wire.send_request(self._link, {"do": do, "cpu_s": timeout}, file)
            answer = wire.receive_answer(self._link, deadline)
        except TimeoutError:
            raise
        except (wire.Hangup, OSError) as error:
            raise Died(self._ended_by() == signal.SIGXCPU) from error
        self.served += 1
        peak = answer.body.get("peak_kb")
        self.peak_kb = peak if isinstance(peak, int) else self.peak_kb
        return answer

    def _wait_until_ready(self, link: socket.socket) -> None:
        if self._ready:
            return
        link.settimeout(_START_TIMEOUT)
        try:
            self._ready = link.recv(1) == wire.READY
        except OSError as error:
            raise NotStarted from error
        if not self._ready:
            raise NotStarted

    def _ended_by(self) -> int:
        """The signal that ended the process; 0 when it exited by itself or still runs."""
        assert self._process is not None
        try:
            return -self._process.wait(_END_TIMEOUT)
        except subprocess.TimeoutExpired:
            return 0

    def kill(self) -> None:
        """End the process now. Another thread that waits for its answer sees it die."""
        if self._process is not None:
            self._process.kill()

    def stop(self) -> None:
        """End the process and forget it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._link is not None:
            self._link.close()
