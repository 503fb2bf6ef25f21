"""A few frames of the result, taken all over a video without making the rest of it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from interface_node.engine.interface import Segmenter
from interface_node.errors import NoFrames
from interface_node.pipeline.background import open_behind
from interface_node.pipeline.compositor import Compositor
from interface_node.pipeline.container import Media, open_media, reading, video_stream
from interface_node.pipeline.frames import Geometry, conform
from interface_node.pipeline.masking import masks
from interface_node.pipeline.seeking import frame_before
from interface_node.pipeline.segmenter import FrameSegmenter
from interface_node.pipeline.smoothing import widened
from interface_node.pipeline.source import Shown, Source, open_source, scan, shown_packets
from interface_node.pipeline.spec import IsCancelled, Movie, RunSpec, Transparent
from interface_node.pipeline.still import picture_of
from protocol.states import Output
from protocol.work import FrameRange

Rgb = NDArray[np.uint8]
SQUARE = 16
"""Pixels of the chequers that stand for nothing."""


class Glimpse(NamedTuple):
    """A frame as people will see it, `picture: uint8 [h, w, 3]`, RGB, upright and of square pixels; `seconds` after the
    first frame."""

    seconds: float
    picture: Rgb


class _Places(NamedTuple):
    """The frames to look at by their pts, rising, and where zero is."""

    wanted: FrameRange
    begin: int
    stamps: list[int]


def glimpses(
    spec: RunSpec, segmenter: Callable[[], Segmenter], count: int, warmup: int, cancelled: IsCancelled
) -> Iterator[Glimpse]:
    """`count` frames of the composite of `spec`, each from the middle of an equal part of the video; of a shorter video
    all. On a transparent background they lie over chequers.

    A model with memory sees `warmup` frames before each. Each is read from the keyframe before it. NodeErrors as `run`
    has them; NoFrames, too, where no frame says when it is shown.
    """
    places = _places(spec.source, count)
    if isinstance(spec.background, Movie) and spec.background.origin is None:
        spec = replace(spec, background=replace(spec.background, origin=scan(spec.source).first_pts))
    for pts in places.stamps:
        wanted = places.wanted.model_copy(update={"start_pts": pts, "end_pts": pts + 1, "warmup_frames": warmup})
        wider = widened(wanted) if spec.refinement.smooth else wanted
        with open_source(spec.source, wider, cancelled) as source:
            frames = (Shown(conform(frame, source.geometry), own) for frame, own in source.frames)
            yield from _composed(replace(spec, range=wanted), source, frames, segmenter(), places.begin, cancelled)


def _places(media: Media, count: int) -> _Places:
    """By the length that the header says; by all packets where that is wrong or missing, or frames are few."""
    with open_media(media) as container:
        stream = video_stream(container)
        tick = stream.time_base or Fraction(1)
        begin = stream.start_time or 0
        length = stream.duration or int(Fraction(container.duration or 0, 1_000_000) / tick)
        found: set[int] = set()
        for number in range(count if length > 0 else 0):
            target = begin + length * (2 * number + 1) // (2 * count)
            stamp = frame_before(container, stream, target + 1, 1)
            found |= {stamp} if begin <= stamp <= target else set()
        wanted = FrameRange(stream=stream.index, time_base=f"{tick.numerator}/{tick.denominator}", frames=0)
    if len(found) == count:
        return _Places(wanted, begin, sorted(found))
    stamps = _stamps(media, wanted)
    middles = {len(stamps) * (2 * number + 1) // (2 * count) for number in range(count)}
    return _Places(wanted, stamps[0], [stamps[place] for place in sorted(middles)])


def _stamps(media: Media, wanted: FrameRange) -> list[int]:
    """The pts of every frame that has one, sorted; NoFrames when none has."""
    with open_media(media) as container, reading(lambda: "the file breaks while its frames are counted"):
        found = [packet.pts for packet in shown_packets(container, video_stream(container, wanted.stream))]
    known = {pts for pts in found if pts is not None}
    if not known:
        raise NoFrames("no frame of the video says when it is shown")
    return sorted(known)


def _composed(
    spec: RunSpec, source: Source, frames: Iterable[Shown], segmenter: Segmenter, begin: int, cancelled: IsCancelled
) -> Iterator[Glimpse]:
    geometry, refinement = source.geometry, spec.refinement
    output = Output.FOREGROUND if isinstance(spec.background, Transparent) else Output.COMPOSITE
    with open_behind(replace(spec, outputs={output: Path()}), source, cancelled) as behind:
        compositor = Compositor(geometry, behind, frozenset({output}), refinement.edges, refinement.decontaminate)
        for seen in masks(frames, FrameSegmenter(segmenter, geometry), refinement):
            if seen.own:
                made = compositor.compose(seen.frame, seen.alpha)[output]
                seconds = float(((seen.frame.pts or 0) - begin) * source.time_base)
                yield Glimpse(max(0.0, seconds), _seen(made, geometry, output))


def _seen(frame: VideoFrame, geometry: Geometry, output: Output) -> Rgb:
    """As a player shows it: without what made it even, square pixels, upright."""
    stored = picture_of(frame, "rgba" if output is Output.FOREGROUND else "rgb24")[: geometry.height, : geometry.width]
    if output is Output.FOREGROUND:
        stored = _over_chequers(stored)
    size = (max(1, round(geometry.width * (geometry.sar or 1))), geometry.height)
    if size[0] != geometry.width:
        stored = np.asarray(cv2.resize(stored, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.ascontiguousarray(np.rot90(stored, geometry.quarters))


def _over_chequers(rgba: Rgb) -> Rgb:
    height, width = rgba.shape[:2]
    rows, columns = np.ogrid[0:height, 0:width]
    light = np.where((rows // SQUARE + columns // SQUARE) % 2, 204, 255).astype(np.float32)[:, :, None]
    alpha = rgba[:, :, 3:].astype(np.float32) / 255
    made: Rgb = np.rint(rgba[:, :, :3] * alpha + light * (1 - alpha)).astype(np.uint8)
    return made
