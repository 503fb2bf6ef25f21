"""One worker process, as the node holds it. Each is used by one thread at a time."""

import contextlib
import select
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Final

from interface_node.jobs.isolation import wire

START_S: Final = 120.0
"""Importing the engine on a machine whose disk is cold and whose cores are busy takes long, not for ever."""
MESSAGE_S: Final = 30.0
"""A message that began is whole by then, or its sender is not our program any more."""
END_S: Final = 5.0


class Worker:
    """A child that `start()` makes with `command`, to which the number of its socket is added.

    `is_ready` once it spoke, `is_reading` while it has somebody's file open: what ends it then may be the file.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], start_s: float = START_S) -> None:
        self.is_ready = False
        self.is_reading = False
        self._command = command
        self._environment = environment
        self._start_s = start_s
        self._due = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None

    @property
    def pid(self) -> int:
        """The process id; 0 before the start."""
        return 0 if self._process is None else self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process is there to be asked."""
        return self._process is not None and self._process.poll() is None

    @property
    def is_late(self) -> bool:
        """Whether it should have spoken by now; ask `receive` first, as nobody may have listened to what it said."""
        return not self.is_ready and time.monotonic() > self._due

    def start(self) -> None:
        """Start the process without waiting for it. It is in a session of its own: Ctrl-C is for the node."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [*self._command, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=dict(self._environment),
                start_new_session=True,
            )
        ours.settimeout(MESSAGE_S)
        self._due = deadline(self._start_s)
        self._link = ours

    def send(self, message: wire.ToWorker, data: bytes = b"") -> None:
        """Say something. Hangup when nobody is there."""
        wire.send(self._open_link(), message, data)

    def receive(self, patience_s: float) -> wire.ToNode | None:
        """The next message; None when none begins within `patience_s`. Hangup when none will come."""
        link = self._open_link()
        if not select.select([link], [], [], patience_s)[0]:
            return None
        message = wire.from_worker(wire.receive_text(link)[0])
        self.is_ready = True
        return message

    def ended_by(self) -> int | None:
        """How the process ended, as `Popen.returncode` counts; None when it did not and is killed now."""
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(END_S)
        self.stop()
        return None

    def stop(self) -> None:
        """End the process and forget it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._link is not None:
            self._link.close()

    def _open_link(self) -> socket.socket:
        assert self._link is not None
        return self._link


def deadline(seconds: float) -> float:
    """Monotonic time so many seconds from now."""
    return time.monotonic() + seconds
