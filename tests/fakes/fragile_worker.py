"""A worker process with the real pipeline, which a file can kill: `python -m tests.fakes.fragile_worker WORDS FD`.

What the last bytes of a source say happens to the process while the tenth frame is decoded. The poison is here and not
in the product.
"""

import ctypes
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from interface_node.jobs.isolation.program import serve
from interface_node.jobs.pipeline_work import PipelineWork, devices_of
from interface_node.jobs.work import Order, Progress, Result

FRAMES: Final = 10
POISONED: Final = "poisoned"
"""A file in the attempt's folder that says that it happens now."""


def _deaf() -> None:
    while True:
        time.sleep(1)


POISONS: Final[dict[bytes, Callable[[], object]]] = {
    b"[abort]": os.abort,
    b"[segv ]": lambda: ctypes.string_at(0),
    b"[kill ]": lambda: os.kill(os.getpid(), signal.SIGKILL),
    b"[exit ]": lambda: os._exit(3),
    b"[deaf ]": _deaf,
}


class _Counting(threading.Event):
    """The reader of frames asks once for each whether it was cancelled."""

    def __init__(self, poison: Callable[[], object]) -> None:
        super().__init__()
        self._poison = poison
        self._asked = 0

    def is_set(self) -> bool:
        self._asked += 1
        if self._asked == FRAMES:
            self._poison()
        return False


class FragileWork(PipelineWork):
    """The real work, unless a file is poisoned."""

    def run(self, order: Order, report: Callable[[Progress], None], cancelled: threading.Event) -> Result:
        """As the real one."""
        last = order.source.read_bytes()[-7:] if isinstance(order.source, Path) else b""

        def poison() -> None:
            (order.directory / POISONED).touch()
            POISONS[last]()

        return super().run(order, report, _Counting(poison) if last in POISONS else cancelled)


class LoadsBadly(FragileWork):
    """Its model is what kills it."""

    def load(self, order: Order) -> None:
        """Die."""
        os.abort()


class Liar(FragileWork):
    """A file took it over: it names a file of the node as its output."""

    def run(self, order: Order, report: Callable[[Progress], None], cancelled: threading.Event) -> Result:
        """Work, and lie."""
        done = super().run(order, report, cancelled)
        stolen = order.directory.parent.parent / "identity.json"
        return Result(tuple(one.__class__(**{**one.__dict__, "path": stolen}) for one in done.made), done.provider)


KINDS: Final = {"fragile": FragileWork, "loads badly": LoadsBadly, "liar": Liar}


def _mute(_link: socket.socket) -> None:
    """It never says that it is ready."""


def _babbles(link: socket.socket) -> None:
    """What it says is no message."""
    link.sendall((2).to_bytes(4) + (0).to_bytes(4) + b"{}")


SPEECHLESS: Final = {"mute": _mute, "babbles": _babbles}

if __name__ == "__main__":
    told = json.loads(sys.argv[-2])
    if told["kind"] in SPEECHLESS:
        line = socket.socket(fileno=int(sys.argv[-1]))  # kept, for one that nobody holds is closed
        SPEECHLESS[told["kind"]](line)
        _deaf()
    work = KINDS[told["kind"]](Path(told["cache"]), devices_of("cpu"))
    serve(int(sys.argv[-1]), work, work.load)
