"""Videos whose frames are one grey each, so that any pixel of a result tells which of them was shown there."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from interface_node.pipeline.frames import planes
from tests import independent_reader as reader

DARKEST, STEP = 30, 6
GREY, CYAN = (128, 128), (160, 40)
"""Chroma; of the darkest cyan no red is left."""


def write(
    path: Path,
    frames: int,
    rate: int,
    codec: str = "libx264",
    stamps: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    step: int = STEP,
    chroma: tuple[int, int] = GREY,
) -> Path:
    """Frame k has luma 30 + 6 k; at most 34 of them. Two B-frames and a keyframe each 8, where the codec has them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"crf": "4", "bf": "2", "g": "8", "preset": "veryfast"} if codec == "libx264" else {"g": "8"}
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=rate, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.bit_rate = 2_000_000
        ticks = time_base or Fraction(1, rate)
        stream.codec_context.time_base = ticks
        for number, pts in enumerate(stamps or range(frames)):
            frame = VideoFrame(64, 48, "yuv420p")
            for plane, level in zip(planes(frame), (DARKEST + step * number, *chroma), strict=True):
                plane[:] = level
            frame.pts, frame.time_base = pts, ticks
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def shown_behind(path: Path, size: tuple[int, int] = (160, 96)) -> list[int]:
    """Of every frame of a composite over such a video: the number of what its right edge shows."""
    edges = reader.rgb_frames(path, size)[:, :, -16:].mean(axis=(1, 2, 3))
    luma = 16 + edges * 219 / 255
    return [int(number) for number in np.rint((luma - DARKEST) / STEP)]
