"""The node's worker process with the real pipeline, and a model that needs no file."""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from interface_node import logs
from interface_node.jobs.isolation.program import serve
from interface_node.jobs.work import Made, Order, Progress, Result
from interface_node.pipeline.image import ImageSpec, run_image
from interface_node.pipeline.run import run as run_video
from interface_node.pipeline.spec import Plain, RunSpec
from protocol.interfaces import NodeModel
from protocol.states import Output, StepKind
from protocol.work import Assignment


class HalfMask:
    """`Segmenter`: the left half is a person."""

    size = (64, 64)

    def alpha(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        """`float32 [3, 64, 64]` -> `float32 [64, 64]`."""
        mask = np.zeros((64, 64), np.float32)
        mask[:, : mask.shape[1] // 2] = 1.0
        return mask

    def stop(self) -> None:
        """It never takes long."""


class FuzzWork:
    """The real pipeline over whatever file comes."""

    provider = "HalfMask"

    def models(self) -> tuple[NodeModel, ...]:
        """None that anybody could ask for."""
        return ()

    def check(self, assignment: Assignment) -> None:
        """Everything is welcome."""

    def run(self, order: Order, report: Callable[[Progress], None], cancelled: threading.Event) -> Result:
        """One composite over green."""
        assignment, background = order.assignment, Plain(0, 200, 0)
        outputs = {Output.COMPOSITE: order.directory / "composite.mp4"}
        if assignment.kind == StepKind.IMAGE:
            picture = ImageSpec(source=order.source, background=background, outputs=outputs)
            done = run_image(picture, HalfMask(), lambda progress: None, cancelled.is_set)
        else:
            spec = RunSpec(source=order.source, background=background, outputs=outputs, encoding=assignment.encoding)
            done = run_video(spec, HalfMask(), lambda progress: None, cancelled.is_set)
        made = (Made(one.output, one.path, one.sha256, one.size, one.frames) for one in done.outputs)
        return Result(tuple(made), self.provider)


def command() -> tuple[str, ...]:
    """How a node starts it; the number of its socket follows."""
    root = str(Path(__file__).resolve().parents[2])
    start = "import sys; sys.path.insert(0, sys.argv[1]); from scripts.faults import fuzz_worker; fuzz_worker.main()"
    return (sys.executable, "-P", "-c", start, root)


def main() -> None:
    """Serve until the node hangs up; libraries complain of every damaged file, and nobody wants to read it."""
    logs.configure("CRITICAL", "json")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    serve(int(sys.argv[-1]), FuzzWork(), lambda order: None)


if __name__ == "__main__":
    main()
