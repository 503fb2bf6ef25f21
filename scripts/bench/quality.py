"""What each quality option costs, and what it does to the masks of a real clip.

    python -m scripts.bench.quality CLIP [--model selfie] [--frames 96] [--sheet out.png]

Milliseconds are CPU time of one thread for making masks at the picture's size, the model included: medians of
interleaved runs on frames decoded beforehand. `flicker` is the mean squared change of alpha (0..255) from frame
to frame where luma stands still; `IoU` compares with the mask of `none`; `step` is how much luma changes along the
outline, in codes: more is closer to an edge of the picture.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from interface_node.engine.interface import Segmenter
from interface_node.engine.session import load
from interface_node.models import catalogue, store
from interface_node.pipeline.compositor import sized
from interface_node.pipeline.edges import refined
from interface_node.pipeline.frames import Geometry, conform, planes
from interface_node.pipeline.masking import masks
from interface_node.pipeline.segmenter import FrameSegmenter
from interface_node.pipeline.source import Shown, open_source
from interface_node.settings import from_environment
from protocol.work import Refinement
from scripts.bench.stub_node import table

Bytes = NDArray[np.uint8]
CHOICES: Final = {
    "none": Refinement(),
    "fill holes": Refinement(holes=True),
    "smooth": Refinement(smooth=True),
    "refine edges": Refinement(edges=True),
    "all": Refinement(edges=True, holes=True, smooth=True),
}
RUNS: Final = 3
STILL: Final = 6
"""Codes of luma by which the neighbourhood of a still pixel changes at most."""
SHOWN: Final = 4
"""Rows of the sheet."""


class Clip(NamedTuple):
    """Decoded frames in the working format."""

    geometry: Geometry
    frames: list[Shown]

    @property
    def luma(self) -> list[Bytes]:
        """Eight bits of each frame's luma."""
        shift = 2 if self.geometry.pixels == "yuv420p10le" else 0
        return [(planes(one.frame)[0] >> shift).astype(np.uint8) for one in self.frames]


def read(path: Path, count: int) -> Clip:
    """The first `count` frames."""
    with open_source(path) as source:
        pairs = zip(range(count), source.frames, strict=False)
        return Clip(source.geometry, [Shown(conform(one.frame, source.geometry), True) for _, one in pairs])


def made(clip: Clip, segmenter: Segmenter, wanted: Refinement) -> tuple[list[Bytes], float]:
    """Masks at the picture's size, and the milliseconds of CPU a frame that they took, the model's included."""
    began = time.process_time()
    found = []
    for seen in masks(clip.frames, FrameSegmenter(segmenter, clip.geometry), wanted):
        luma = planes(seen.frame)[0]
        found.append(refined(seen.alpha, luma) if wanted.edges else sized(seen.alpha, luma))
    return found, 1000 * (time.process_time() - began) / len(found)


def flicker(alphas: Sequence[Bytes], luma: Sequence[Bytes]) -> float:
    """The mean squared change of alpha where luma stands still."""
    total, count = 0.0, 0
    for place in range(1, len(alphas)):
        moved = cv2.dilate(cv2.blur(cv2.absdiff(luma[place], luma[place - 1]), (5, 5)), np.ones((15, 15), np.uint8))
        still = np.asarray(moved) < STILL
        total += float(np.square(alphas[place].astype(np.float32) - alphas[place - 1])[still].sum())
        count += int(still.sum())
    return total / max(1, count)


def agreement(alphas: Sequence[Bytes], others: Sequence[Bytes]) -> float:
    """Intersection over union of all persons."""
    both = sum(int(((a > 127) & (b > 127)).sum()) for a, b in zip(alphas, others, strict=True))
    return both / max(1, sum(int(((a > 127) | (b > 127)).sum()) for a, b in zip(alphas, others, strict=True)))


def step(alphas: Sequence[Bytes], luma: Sequence[Bytes]) -> float:
    """The mean change of luma, by Sobel, on the outlines of the masks."""
    found: list[float] = []
    for alpha, picture in zip(alphas, luma, strict=True):
        outline = cv2.morphologyEx((alpha > 127).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        soft = cv2.GaussianBlur(picture, (0, 0), 1).astype(np.float32)
        change = np.hypot(
            cv2.Sobel(soft, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(soft, cv2.CV_32F, 0, 1, scale=1 / 8)
        )
        found += [float(change[outline > 0].mean())] if outline.any() else []
    return statistics.fmean(found) if found else 0.0


def sheet(luma: Sequence[Bytes], results: dict[str, list[Bytes]]) -> Bytes:
    """Some frames, one a row: the picture, then the mask of each option."""
    places = [len(luma) * (2 * row + 1) // (2 * SHOWN) for row in range(SHOWN)]
    size = (320, round(320 * luma[0].shape[0] / luma[0].shape[1]))
    columns = [list(luma), *results.values()]
    small = [[cv2.resize(column[place], size, interpolation=cv2.INTER_AREA) for column in columns] for place in places]
    return np.vstack([np.hstack(row) for row in small]).astype(np.uint8)


def main() -> None:
    """Print the table, and write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--model", default="selfie")
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument("--sheet", type=Path)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    cache = from_environment().segfleet_cache
    manifest = catalogue.find(cache, asked.model)
    session = load(store.pull(cache, manifest), manifest.interface, "cpu")
    clip = read(asked.clip, asked.frames)
    results: dict[str, list[Bytes]] = {}
    spent: dict[str, list[float]] = {name: [] for name in CHOICES}
    for _ in range(RUNS):
        for name, wanted in CHOICES.items():
            results[name], took = made(clip, session.segmenter(), wanted)
            spent[name].append(took)
    plain, luma = statistics.median(spent["none"]), clip.luma
    rows: list[tuple[str, ...]] = [("option", "ms a frame", "more than none", "flicker", "IoU", "step")]
    for name, alphas in results.items():
        cost = statistics.median(spent[name])
        measures = flicker(alphas, luma), agreement(alphas, results["none"]), step(alphas, luma)
        rows.append((name, f"{cost:.1f}", f"{cost - plain:+.1f}", *(f"{value:.3f}" for value in measures)))
    table(rows)
    if asked.sheet is not None:
        cv2.imwrite(str(asked.sheet), sheet(luma, results))


if __name__ == "__main__":
    main()
