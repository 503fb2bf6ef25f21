"""The worker process: does one order after the other, and ends when its node does.

Started by `interface_node.jobs.isolation.work`. It has no identity, no token and no secret of the node.
"""

import contextlib
import io
import json
import os
import queue
import resource
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog
from structlog.contextvars import bound_contextvars

from interface_node import logs
from interface_node.engine import providers
from interface_node.errors import Cancelled, NodeError
from interface_node.jobs.isolation import wire
from interface_node.jobs.pipeline_work import PipelineWork
from interface_node.jobs.work import Order, Progress, Work

_log = structlog.get_logger(__name__)
FIRST_TO_GO: Final = "500"
"""When memory runs out the kernel is to end a worker, not the node."""


class _RemoteReader(io.RawIOBase):
    """A source that the node reads for us. A read is as long as was asked for, or ends at the end of the file."""

    def __init__(self, ask: "Voice", size: int) -> None:
        super().__init__()
        self._ask = ask
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes, and it costs nothing."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move; the new position."""
        at = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence] + offset
        if at < 0:
            raise OSError(f"there is nothing before the first byte ({at})")
        self._position = at
        return at

    def tell(self) -> int:
        """The position."""
        return self._position

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, none at the end; all that follow when it is negative."""
        if size < 0:
            return self.readall()
        length = min(size, self._size - self._position, wire.MOST_READ)
        if length <= 0:
            return b""
        data = self._ask.bytes_at(self._position, length)
        self._position += len(data)
        return data


class _Remote:
    """A `Remote` whose bytes the node has or fetches."""

    def __init__(self, voice: "Voice", name: str, size: int) -> None:
        self._voice = voice
        self.name = name
        self.size = size

    def open(self) -> io.RawIOBase:
        """A reader at the beginning."""
        return _RemoteReader(self._voice, self.size)


class Voice:
    """The worker's end of the socket. Speaking is for any thread; `listen` runs in one of its own."""

    def __init__(self, link: socket.socket) -> None:
        self.orders: queue.SimpleQueue[wire.Run] = queue.SimpleQueue()
        self.cancelled = threading.Event()
        self._link = link
        self._speaking = threading.Lock()
        self._asking = threading.Lock()
        self._answers: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def say(self, message: wire.ToNode) -> None:
        """Tell the node."""
        with self._speaking:
            wire.send(self._link, message)

    def bytes_at(self, offset: int, size: int) -> bytes:
        """Bytes of the source. Cancelled when the node cannot give them; it knows why."""
        with self._asking:
            self.say(wire.Read(offset=offset, size=size))
            data = self._answers.get()
        if data is None:
            raise Cancelled("the node could not read the source")
        return data

    def listen(self) -> None:
        """Until the node is gone, and then end the process whatever its other threads do."""
        with contextlib.suppress(wire.Hangup):
            while True:
                text, data = wire.receive_text(self._link)
                match wire.TO_WORKER.validate_json(text):
                    case wire.Run() as run:
                        self.cancelled.clear()
                        self.orders.put(run)
                    case wire.Cancel():
                        self.cancelled.set()
                    case wire.Bytes(failed=failed):
                        self._answers.put(None if failed else data)
        os._exit(0)


def serve(descriptor: int, work: Work, load: Callable[[Order], None]) -> None:
    """Do what the node says, first `load` and then `work.run`, until it hangs up. Never returns."""
    _confine()
    voice = Voice(socket.socket(fileno=descriptor))
    threading.Thread(target=voice.listen, name="listen", daemon=True).start()
    voice.say(wire.Ready())
    while True:
        run = voice.orders.get()
        with bound_contextvars(attempt_id=run.assignment.attempt_id, task_id=run.assignment.task_id):
            answer = _done(run, voice, work, load)
        with contextlib.suppress(wire.Hangup):  # `listen` sees it, too, and ends us
            voice.say(answer)


def main() -> None:
    """`program {"cache": ..., "devices": [label, ...], "log": [level, style, file]} DESCRIPTOR`.

    The devices are those that the node has found to work. They are not chosen anew: what cannot be had here is an error
    of the order that needs it, and never the CPU instead.
    """
    told = json.loads(sys.argv[-2])
    level, style, file = told["log"]
    logs.configure(level, style, Path(file) if file else None)
    work = PipelineWork(Path(told["cache"]), [providers.named(label) for label in told["devices"]])
    serve(int(sys.argv[-1]), work, work.load)


def _done(run: wire.Run, voice: Voice, work: Work, load: Callable[[Order], None]) -> wire.Finished | wire.Failed:
    def report(progress: Progress) -> None:
        voice.say(wire.Progressed(progress=progress))

    order = _order(run, voice)
    try:
        load(order)
        voice.say(wire.Reading())
        result = work.run(order, report, voice.cancelled)
        return wire.Finished(result=result, models=work.models())
    except NodeError as error:
        return wire.Failed(code=error.code, detail=error.detail[:4000])
    except Exception as error:  # noqa: BLE001 - the edge of an order: whatever broke, the node is told
        _log.exception("order_broke")
        return wire.Failed(code="internal", detail=f"{type(error).__name__}: {error}"[:4000])


def _order(run: wire.Run, voice: Voice) -> Order:
    source = _Remote(voice, str(run.source), run.size) if run.remote else Path(run.source)
    return Order(run.assignment, source, run.background, run.directory, run.slot, run.parts)


def _confine() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):  # elsewhere than on Linux
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO, encoding="ascii")
