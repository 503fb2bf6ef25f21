"""One order from the node's side: given to a worker, helped with the bytes of its source, heard to its end."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, assert_never

from interface_node.errors import ERRORS, Cancelled, WorkerBroke
from interface_node.jobs.isolation import wire
from interface_node.jobs.isolation.process import Worker, deadline
from interface_node.jobs.work import Order, Progress, Result
from interface_node.pipeline.container import Media
from protocol.interfaces import NodeModel

LOOK_S: Final = 0.1


class Deaf(Exception):
    """The worker does not listen to its cancel and must be killed; `cancelled` is what the attempt ends with."""

    cancelled = Cancelled("cancelled; the worker process did not listen and was killed")


def converse(
    worker: Worker, order: Order, report: Callable[[Progress], None], cancelled: threading.Event, grace_s: float
) -> tuple[Result, tuple[NodeModel, ...]]:
    """The result and what the worker says of its models. Hangup when it died, Deaf when it ignored its
    cancel for `grace_s`, or what it raised."""
    with _served(order.source) as source:
        worker.is_reading = False
        worker.send(wire.order(order))
        for message in _messages(worker, cancelled, grace_s):
            match message:
                case wire.Ready():
                    pass
                case wire.Reading():
                    worker.is_reading = True
                case wire.Progressed(progress=progress):
                    report(progress)
                case wire.Read(offset=offset, size=size):
                    source.answer(worker, offset, size)
                case wire.Failed(code=code, detail=detail):
                    raise source.failed or _error(code, detail)
                case wire.Finished(result=result, models=models):
                    _check_places(result, order.directory)
                    return result, models
                case _:
                    assert_never(message)
    raise wire.Hangup("it told no end")


def _messages(worker: Worker, cancelled: threading.Event, grace_s: float) -> Iterator[wire.ToNode]:
    """All that the worker says, with the cancel told in between."""
    until: float | None = None
    while True:
        if cancelled.is_set() and until is None:
            worker.send(wire.Cancel())
            until = deadline(grace_s)
        if until is not None and time.monotonic() > until:
            raise Deaf
        message = worker.receive(LOOK_S)
        if message is not None:
            yield message
        elif worker.is_late:
            raise wire.Hangup("it has not begun to work in time")


class _Served:
    """The source, read for the worker. What breaks that is kept: it is not the worker's to judge."""

    def __init__(self, source: Media) -> None:
        self.failed: Exception | None = None
        self._reader = None if isinstance(source, Path) else source.open()

    def answer(self, worker: Worker, offset: int, size: int) -> None:
        """Send the bytes, or that they cannot be had."""
        try:
            data = self._read(offset, min(size, wire.MOST_READ))
        except Exception as error:  # noqa: BLE001 - whatever it was, `converse` raises it when the worker has ended
            self.failed = self.failed or error
            worker.send(wire.Bytes(failed=True))
        else:
            worker.send(wire.Bytes(), data)

    def _read(self, offset: int, size: int) -> bytes:
        if self._reader is None:
            raise WorkerBroke("the worker asked for bytes of a file that it has")
        self._reader.seek(offset)
        return self._reader.read(size) or b""

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()


@contextlib.contextmanager
def _served(source: Media) -> Iterator[_Served]:
    served = _Served(source)
    try:
        yield served
    finally:
        served.close()


def _error(code: str, detail: str) -> Exception:
    kind = ERRORS.get(code)
    return RuntimeError(detail) if kind is None else kind(detail)


def _check_places(result: Result, directory: Path) -> None:
    """A worker that a file has taken over must not have the node send up what lies elsewhere."""
    home = directory.resolve()
    for made in result.made:
        if made.path.is_symlink() or made.path.resolve().parent != home:
            raise WorkerBroke(f"the worker names {made.path.name}, which is not in its folder")
