"""Work without pixels, at the seam where jobs hand an order to the pipeline.

Outputs are copies of the source; joined ones are the bytes of their parts, one after the other.
"""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

from interface_node.errors import BrokenMedia, Cancelled, UnknownModel, UnsupportedBackground, UnsupportedStep
from interface_node.jobs.work import Made, Order, Progress, Result
from protocol.interfaces import NodeModel
from protocol.states import Output, StepKind
from protocol.work import Assignment, ColorBackground, ImageBackground


class CopyWork:
    """`hold()` keeps every run until `let_go()`; one that is `deaf` does not listen to cancel meanwhile."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.backgrounds: list[bytes] = []
        self.deaf = False
        self.breaks = False
        self.error: Exception = BrokenMedia("the file breaks near 1 s")
        self._free = threading.Event()
        self._free.set()

    @property
    def provider(self) -> str:
        """Not a real one."""
        return "CopyProvider"

    def hold(self) -> None:
        """Let runs wait."""
        self._free.clear()

    def let_go(self) -> None:
        """Let runs go on."""
        self._free.set()

    def models(self) -> tuple[NodeModel, ...]:
        """One model."""
        return (NodeModel(name="selfie", provider=self.provider),)

    def check(self, assignment: Assignment) -> None:
        """As the real work answers."""
        if assignment.kind == StepKind.ASSEMBLE and not assignment.parts:
            raise UnsupportedStep("there is nothing to join")
        if not isinstance(assignment.background, ColorBackground | ImageBackground):
            raise UnsupportedBackground(f"no {assignment.background.kind}")
        if assignment.model != "selfie":
            raise UnknownModel(f"no {assignment.model}")

    def run(self, order: Order, report: Callable[[Progress], None], cancelled: threading.Event) -> Result:
        """Copy the source once for each output."""
        self.orders.append(order)
        frames = order.assignment.range.frames if order.assignment.range else 1
        report(Progress("process", 1, frames, 1, frames, 25.0))
        if order.background is not None:
            self.backgrounds.append(order.background.read_bytes())
        while not self._free.wait(0.01):
            if cancelled.is_set() and not self.deaf:
                raise Cancelled("asked to")
        if self.breaks:
            raise self.error
        report(Progress("process", frames, frames, frames, frames, 25.0))
        return Result(tuple(self._made(order, index) for index in range(len(order.assignment.outputs))), self.provider)

    def _made(self, order: Order, index: int) -> Made:
        output = order.assignment.outputs[index]
        data = _copied(order, output)
        path = order.directory / f"{output.value}.bin"
        path.write_bytes(data)
        frames = order.assignment.range.frames if order.assignment.range else 1
        return Made(output, path, hashlib.sha256(data).hexdigest(), len(data), frames, 0.4)


def _copied(order: Order, output: Output) -> bytes:
    if order.parts:
        return b"".join(part.path.read_bytes() for part in order.parts[output])
    source = order.source
    return source.read_bytes() if isinstance(source, Path) else source.open().read()
