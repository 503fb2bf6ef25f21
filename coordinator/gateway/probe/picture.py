"""A small JPEG of a frame, upright and with square pixels."""

from fractions import Fraction
from typing import Final

import av
from av import VideoFrame
from av.filter import Graph

WIDTH: Final = 320
_TURNS: Final = {
    90: (("transpose", "cclock"),),
    -90: (("transpose", "clock"),),
    180: (("hflip", None), ("vflip", None)),
}
"""Degrees counter-clockwise, as `VideoFrame.rotation` gives them, to filters."""


def thumbnail(frame: VideoFrame, rotation: int, sar: Fraction) -> bytes:
    """A JPEG whose longer side has at most 320 pixels."""
    width, height = _fit(frame.width * sar, Fraction(frame.height))
    small = frame.reformat(width=width, height=height, format="yuvj420p", interpolation="AREA", threads=1)
    return _encode(_turned(small, rotation))


def _fit(width: Fraction, height: Fraction) -> tuple[int, int]:
    scale = min(Fraction(1), WIDTH / max(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def _turned(frame: VideoFrame, rotation: int) -> VideoFrame:
    nearest = round(rotation / 90) * 90
    turns = _TURNS.get(180 if nearest == -180 else nearest)
    if turns is None:
        return frame
    graph = Graph()
    graph.threads = 1
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 25))
    graph.link_nodes(source, *(graph.add(name, args) for name, args in turns), graph.add("buffersink"))
    graph.configure()
    frame.pts = 0
    graph.vpush(frame)
    return graph.vpull()


def _encode(frame: VideoFrame) -> bytes:
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.thread_count = 1
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
