"""Frames per second with a GPU, and how busy it is: the default model, and a network as large as BiRefNet at 1024x1024.

    python -m scripts.bench.gpu [--card 0] [--frames 480] [--runs 3] [--clip CLIP]

The large network is made here and has random weights, about as many as BiRefNet (general); a picture takes it some
10^12 multiplications. Beside both stands the floor, decode and encode with no model. They take turns; medians are
shown. Models are loaded before. On a machine without a usable GPU it says so in a sentence and ends with 1.
"""

import argparse
import functools
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from interface_node.engine.interface import ModelInput, ModelInterface, ModelOutput
from interface_node.engine.providers import why_not_cuda
from interface_node.engine.session import ModelSession, load
from interface_node.jobs.telemetry import Cards
from interface_node.models import catalogue, store
from interface_node.pipeline.run import run
from interface_node.pipeline.source import scan
from interface_node.pipeline.spec import Plain, RunSpec
from interface_node.settings import from_environment
from protocol.states import Output
from protocol.work import Encoding
from scripts.bench import moving_clip
from scripts.bench.contenders.floor import transcode
from scripts.bench.stub_node import table

SIDE: Final = 1024
STAGES: Final = ((192, 18), (384, 18), (768, 8), (1536, 8))
"""Channels and 3x3 convolutions at a quarter of the sides, an eighth and so on: each of them costs the same."""
LOOK_S: Final = 0.1


class Taken(NamedTuple):
    """One run: seconds, and percent of the time that the card computed; None where nobody asked."""

    wall_s: float
    busy: float | None = None


def birefnet_sized(path: Path, side: int = SIDE, stages: tuple[tuple[int, int], ...] = STAGES) -> ModelInterface:
    """Write the network and tell how it is fed: `image [1, 3, side, side]` -> `mask [1, 1, side, side]`, logits."""
    nodes: list[NodeProto] = []
    weights: list[TensorProto] = []
    last, depth = "image", 3

    def conv(channels: int, step: int = 1) -> None:
        nonlocal last, depth
        scale, kernel = 1 / np.sqrt(9 * depth), (step, step) if step > 1 else (3, 3)
        name = f"w{len(weights)}"
        values = random.standard_normal((channels, depth, *kernel), np.float32) * np.float32(scale)
        weights.append(numpy_helper.from_array(values, name))
        pads = [0] * 4 if step > 1 else [1] * 4
        nodes.append(helper.make_node("Conv", [last, name], [f"c{name}"], strides=[step, step], pads=pads))
        nodes.append(helper.make_node("Relu", [f"c{name}"], [f"r{name}"]))
        last, depth = f"r{name}", channels

    random = np.random.default_rng(0)
    for index, (channels, count) in enumerate(stages):
        conv(channels, 2 if index else 4)
        for _ in range(count):
            conv(channels)
    conv(1)
    factor = 4 * 2 ** (len(stages) - 1)
    weights.append(numpy_helper.from_array(np.array([1, 1, factor, factor], np.float32), "factors"))
    nodes.append(helper.make_node("Resize", [last, "", "factors"], ["mask"], mode="linear"))
    takes = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, side, side])
    gives = helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1, 1, side, side])
    graph = helper.make_graph(nodes, "large", [takes], [gives], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    entry = ModelInput(name="image", width=side, height=side, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    return ModelInterface(input=entry, output=ModelOutput(name="mask", activation="sigmoid"))


def process(clip: Path, target: Path, session: ModelSession) -> None:
    """The clip before a green wall."""
    spec = RunSpec(
        clip, Plain(0, 160, 80), {Output.COMPOSITE: target}, Encoding(preset="veryfast", crf=23), scan(clip).whole()
    )
    run(spec, session.segmenter(), lambda progress: None, lambda: False)


@contextmanager
def watched(card: int) -> Iterator[list[float]]:
    """How busy the card is while the block runs, in percent, ten times a second."""
    seen: list[float] = []
    over = threading.Event()
    cards = Cards()
    cards.open()

    def look() -> None:
        while not over.wait(LOOK_S):
            seen.extend(load.util for load in cards.loads() if load.index == card)

    thread = threading.Thread(target=look, name="watching")
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
        cards.close()


def timed(work: Callable[[], object], card: int) -> Taken:
    """How long, and how busy the card was meanwhile."""
    with watched(card) as seen:
        began = time.perf_counter()
        work()
        wall = time.perf_counter() - began
    return Taken(wall, statistics.fmean(seen) if seen else None)


def rows_of(taken: dict[str, list[Taken]], frames: int) -> list[tuple[str, ...]]:
    """The table: medians of the wall clock, and how many times the floor."""
    walls = {name: statistics.median(one.wall_s for one in runs) for name, runs in taken.items()}
    rows: list[tuple[str, ...]] = [("", "frames per second", "GPU busy, %", "times the floor")]
    for name, runs in taken.items():
        busy = [one.busy for one in runs if one.busy is not None]
        shown = f"{statistics.median(busy):.0f}" if busy else "-"
        rows.append((name, f"{frames / walls[name]:.1f}", shown, f"{walls[name] / walls['floor']:.2f}"))
    return rows


def main(words: Sequence[str] | None = None) -> int:
    """1 where there is no GPU to measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--card", type=int, default=0, help="the number of the GPU")
    parser.add_argument("--frames", type=int, default=480, help="of the clip that is made where none is given")
    parser.add_argument("--runs", type=int, default=3, help="how often each runs")
    parser.add_argument("--clip", type=Path, help="a video file; without one 720p is made")
    options = parser.parse_args(words)
    if reason := why_not_cuda(options.card):
        print(f"There is no GPU to measure here: {reason}.")
        return 1
    with tempfile.TemporaryDirectory(prefix="gpu-") as name:
        folder = Path(name)
        clip = options.clip or moving_clip.write(folder / "clip.mp4", 1280, 720, options.frames)
        taken, frames = measured(clip, folder, options.card, options.runs)
    print(f"{clip.name}, {frames} frames, medians of {options.runs} interleaved runs on {card_name(options.card)}")
    table(rows_of(taken, frames))
    return 0


def measured(clip: Path, folder: Path, card: int, runs: int) -> tuple[dict[str, list[Taken]], int]:
    """Every contender so many times, in turns; and the number of frames."""
    cache, device = from_environment().segfleet_cache, f"cuda:{card}"
    manifest = catalogue.find(cache, "selfie")
    large = birefnet_sized(folder / "large.onnx")
    sessions = {
        "default model": load(store.pull(cache, manifest), manifest.interface, device),
        "BiRefNet's size": load(folder / "large.onnx", large, device),
    }
    taken: dict[str, list[Taken]] = {name: [] for name in ("floor", *sessions)}
    for _ in range(runs):
        taken["floor"].append(timed(lambda: transcode(str(clip), str(folder / "floor.mp4")), card))
        for name, session in sessions.items():
            taken[name].append(timed(functools.partial(process, clip, folder / "made.mp4", session), card))
    return taken, scan(clip).frames


def card_name(card: int) -> str:
    """As the driver calls it."""
    cards = Cards()
    cards.open()
    try:
        return next((one.name for one in cards.names() if one.index == card), f"card {card}")
    finally:
        cards.close()


if __name__ == "__main__":
    sys.exit(main())
