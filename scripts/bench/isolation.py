"""What it costs to run attempts in a worker process: `python -m scripts.bench.isolation VIDEO [--runs N]`.

The same order in a thread and in a worker, by turns, both warm. CPU seconds of all threads of both processes are what
can be compared on a machine that has other work; the time until a cold worker is ready is printed apart.
"""

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psutil

from interface_node.jobs.isolation.work import isolated
from interface_node.jobs.pipeline_work import open_work
from interface_node.jobs.work import Order, Work
from interface_node.pipeline.source import scan
from interface_node.settings import from_environment
from protocol.base import AttemptId, StepId, TaskId
from protocol.states import Output, StepKind
from protocol.work import Assignment, ColorBackground, Encoding, Source

_NOWHERE: Final = "http://nowhere.invalid"


def order_for(video: Path, directory: Path) -> Order:
    """The whole video over green."""
    assignment = Assignment(
        attempt_id=AttemptId("a_bench"),
        task_id=TaskId("t_bench"),
        step_id=StepId("s_bench"),
        kind=StepKind.SEGMENT,
        source=Source(url=_NOWHERE, etag='"e"', sha256="0" * 64, size=video.stat().st_size),
        range=scan(video).whole(),
        background=ColorBackground(color="#00c800"),
        model="selfie",
        outputs=(Output.COMPOSITE,),
        encoding=Encoding(preset="veryfast", crf=23),
        upload_urls={},
        callback_url=_NOWHERE,
        attempt_token="-" * 16,
        lease_s=60,
    )
    return Order(assignment, video, None, directory, 0)


def timed(work: Work, order: Order) -> tuple[float, float]:
    """Seconds on the wall and of CPU, this process and its children."""
    began, before = time.monotonic(), _cpu()
    work.run(order, lambda progress: None, threading.Event())
    return time.monotonic() - began, _cpu() - before


def _cpu() -> float:
    us = psutil.Process()
    return sum(sum(one.cpu_times()[:2]) for one in (us, *us.children()))


def main() -> None:
    """Print medians and ratios."""
    parser = argparse.ArgumentParser(description="A worker process against a thread.")
    parser.add_argument("video", type=Path)
    parser.add_argument("--runs", type=int, default=7)
    chosen = parser.parse_args()
    settings = from_environment({"NODE_DEVICE": "cpu", "LOG_LEVEL": "ERROR"})
    thread = open_work(settings)
    began = time.monotonic()
    worker = isolated(thread, settings)
    ways: dict[str, Work] = {"thread": thread, "worker": worker}
    with tempfile.TemporaryDirectory() as folder:
        order = order_for(chosen.video, Path(folder))
        print(f"first order in a cold worker, its start included: {_first(worker, order, began):.2f} s")
        timed(thread, order)
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(chosen.runs):
            for name, work in ways.items():
                found[name].append(timed(work, order))
    worker.close()
    frames = order.assignment.range.frames if order.assignment.range else 0
    report(found, frames, print)


def _first(worker: Work, order: Order, began: float) -> float:
    timed(worker, order)
    return time.monotonic() - began


def report(found: dict[str, list[tuple[float, float]]], frames: int, say: Callable[[str], None]) -> None:
    """One line for each way, and the ratio of the medians."""
    medians = {name: [statistics.median(column) for column in zip(*runs, strict=True)] for name, runs in found.items()}
    for name, (wall, cpu) in medians.items():
        say(f"{name}: {wall:.2f} s, {cpu:.2f} s of CPU, {cpu / frames * 1000:.2f} ms of CPU a frame ({frames} frames)")
    wall, cpu = (medians["worker"][column] / medians["thread"][column] for column in (0, 1))
    say(f"worker / thread: {wall:.3f} of time, {cpu:.3f} of CPU, medians of {len(found['thread'])} by turns")


if __name__ == "__main__":
    main()
