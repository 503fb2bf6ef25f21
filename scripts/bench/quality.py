"""What each quality option costs, and what it does to the masks and edges of a real clip.

    python -m scripts.bench.quality CLIP [--model selfie] [--frames 96] [--sheet out.png] [--pictures FOLDER]

Milliseconds are CPU time of one thread for making masks at the size of the picture's planes, the model included:
medians of interleaved runs on frames decoded beforehand. `flicker` is the mean squared change of alpha (0..255) from
frame to frame where luma stands still; `IoU` compares with the mask of `none`; `step` is how much luma changes along
the outline, in codes: more is closer to an edge of the picture. `spill` is how much of the background's colour is in
the person's where the mask is half transparent: 0 none, 1 all, by what is opaque and what is empty nearby.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from interface_node.engine.interface import Segmenter
from interface_node.engine.session import load
from interface_node.models import catalogue, store
from interface_node.pipeline.compositor import sized
from interface_node.pipeline.edges import refined
from interface_node.pipeline.foreground import decontaminated
from interface_node.pipeline.frames import Plane, conform, planes
from interface_node.pipeline.masking import masks
from interface_node.pipeline.segmenter import FrameSegmenter
from interface_node.pipeline.source import Shown, open_source
from interface_node.settings import from_environment
from protocol.work import Refinement
from scripts.bench import quality_pictures
from scripts.bench.quality_pictures import Clip, Look
from scripts.bench.stub_node import table

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
CHOICES: Final = {
    "none": Refinement(),
    "fill holes": Refinement(holes=True),
    "smooth": Refinement(smooth=True),
    "refine edges": Refinement(edges=True),
    "decontaminate": Refinement(decontaminate=True),
    "all": Refinement(edges=True, holes=True, smooth=True, decontaminate=True),
}
RUNS: Final = 3
STILL: Final = 6
"""Codes of luma by which the neighbourhood of a still pixel changes at most."""
SHOWN: Final = 4
"""Rows of the sheet."""
NEARBY: Final = 31
"""Side of the window, in chroma samples, in which the person's and the background's colours are looked for."""
APART: Final = 30.0
"""8-bit codes by which the two differ at least, where spill is measured."""


def read(path: Path, count: int) -> Clip:
    """The first `count` frames."""
    with open_source(path) as source:
        pairs = zip(range(count), source.frames, strict=False)
        return Clip(source.geometry, [Shown(conform(one.frame, source.geometry), True) for _, one in pairs])


def made(clip: Clip, segmenter: Segmenter, wanted: Refinement) -> tuple[list[Look], float]:
    """Each frame's mask and colours, and the milliseconds of CPU a frame that they took, the model's included."""
    began = time.process_time()
    found = []
    for seen in masks(clip.frames, FrameSegmenter(segmenter, clip.geometry), wanted):
        own = planes(seen.frame)
        alpha = refined(seen.alpha, own[0]) if wanted.edges else seen.alpha
        full, half = (sized(alpha, plane) for plane in own[:2])
        found.append(Look(full, decontaminated(own, [full, half, half]) if wanted.decontaminate else own))
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


def spill(looks: Sequence[Look], clip: Clip) -> float:
    """How far the person's colours lie towards the background's, where the mask is half transparent."""
    total, count = 0.0, 0
    for look, shown in zip(looks, clip.frames, strict=True):
        own, seen = _halved(look.colours), _halved(planes(shown.frame))
        alpha = cv2.resize(look.alpha, own.shape[1::-1], interpolation=cv2.INTER_AREA)
        (person, inside), (behind, outside) = _around(seen, alpha >= 250), _around(seen, alpha <= 5)
        between = behind - person
        apart = np.square(between).sum(axis=2)
        soft = (alpha >= 64) & (alpha <= 191) & inside & outside & (apart > APART * APART)
        total += float((((own - person) * between).sum(axis=2)[soft] / apart[soft]).sum())
        count += int(soft.sum())
    return total / max(1, count)


def _halved(colours: Sequence[Plane]) -> Floats:
    """Y, U and V at the size of chroma, `[h, w, 3]` in 8-bit codes."""
    luma, *chroma = colours
    scale = np.float32(0.25 if luma.dtype == np.uint16 else 1)
    small = cv2.resize(luma, chroma[0].shape[::-1], interpolation=cv2.INTER_AREA)
    return np.dstack([small, *chroma]).astype(np.float32) * scale


def _around(picture: Floats, where: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.bool_]]:
    """The mean colour of what is `where`, in the window around each pixel, and whether there is enough of it."""
    weight = where.astype(np.float32)
    share = np.asarray(cv2.blur(weight, (NEARBY, NEARBY)), np.float32)
    colours = np.asarray(cv2.blur(picture * weight[:, :, None], (NEARBY, NEARBY)), np.float32)
    colours /= np.maximum(share, np.float32(1e-6))[:, :, None]
    return colours, share > 0.02


def sheet(luma: Sequence[Bytes], results: dict[str, list[Bytes]]) -> Bytes:
    """Some frames, one a row: the picture, then the mask of each option."""
    places = [len(luma) * (2 * row + 1) // (2 * SHOWN) for row in range(SHOWN)]
    size = (320, round(320 * luma[0].shape[0] / luma[0].shape[1]))
    columns = [list(luma), *results.values()]
    small = [[cv2.resize(column[place], size, interpolation=cv2.INTER_AREA) for column in columns] for place in places]
    return np.vstack([np.hstack(row) for row in small]).astype(np.uint8)


def main() -> None:
    """Print the table, and write the sheet and the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--model", default="selfie")
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--pictures", type=Path)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    cache = from_environment().segfleet_cache
    manifest = catalogue.find(cache, asked.model)
    session = load(store.pull(cache, manifest), manifest.interface, "cpu")
    clip = read(asked.clip, asked.frames)
    results: dict[str, list[Look]] = {}
    spent: dict[str, list[float]] = {name: [] for name in CHOICES}
    for _ in range(RUNS):
        for name, wanted in CHOICES.items():
            results[name], took = made(clip, session.segmenter(), wanted)
            spent[name].append(took)
    table(rows(clip, results, {name: statistics.median(times) for name, times in spent.items()}))
    if asked.sheet is not None:
        alphas = {name: [look.alpha for look in looks] for name, looks in results.items()}
        cv2.imwrite(str(asked.sheet), sheet(clip.luma, alphas))
    if asked.pictures is not None:
        quality_pictures.write(asked.pictures, clip, results)


def rows(clip: Clip, results: dict[str, list[Look]], spent: dict[str, float]) -> list[tuple[str, ...]]:
    """The table: `spent` are milliseconds a frame."""
    luma, plain = clip.luma, [look.alpha for look in results["none"]]
    made: list[tuple[str, ...]] = [("option", "ms a frame", "more than none", "flicker", "IoU", "step", "spill")]
    for name, looks in results.items():
        alphas, cost = [look.alpha for look in looks], spent[name]
        measures = flicker(alphas, luma), agreement(alphas, plain), step(alphas, luma), spill(looks, clip)
        made.append((name, f"{cost:.1f}", f"{cost - spent['none']:+.1f}", *(f"{value:.3f}" for value in measures)))
    return made


if __name__ == "__main__":
    main()
