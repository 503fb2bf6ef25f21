"""Pictures as FFmpeg holds them: zero-copy views of YUV 4:2:0 planes, and what their numbers mean.

A plane is `uint8 [h, w]`, or `uint16 [h, w]` with ten bits used. Chroma planes have half the sides, rounded up.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from interface_node.errors import BrokenMedia
from interface_node.pipeline.mastering import Mastering

Plane = NDArray[np.uint8] | NDArray[np.uint16]
SAME_PLANES: Final = {"yuv420p": {"yuv420p", "yuvj420p"}, "yuv420p10le": {"yuv420p10le"}}
GREYS: Final = {"gray": 8, "gray9le": 9, "gray10le": 10, "gray12le": 12, "gray14le": 14, "gray16le": 16}
KR_KB: Final[dict[int, tuple[float, float]]] = {
    1: (0.2126, 0.0722),  # BT.709
    4: (0.30, 0.11),  # FCC
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020
    10: (0.2627, 0.0593),
}
BT601: Final = (0.299, 0.114)
"""Also what FFmpeg takes for an untagged file, whatever its size."""
RGB, FULL, UNSPECIFIED = 0, 2, 2


@dataclass(frozen=True)
class Colour:
    """The numbers that a stream and its frames are tagged with (ITU-T H.273); 2 is "unspecified"."""

    range: int
    space: int
    primaries: int
    transfer: int

    def filled(self, other: "Colour") -> "Colour":
        """With what `other` says where this one says nothing."""
        return Colour(
            self.range or other.range,
            *(own if own != UNSPECIFIED else its for own, its in zip(self.tail, other.tail, strict=True)),
        )

    @property
    def tail(self) -> tuple[int, int, int]:
        """Matrix, primaries and transfer."""
        return self.space, self.primaries, self.transfer

    @property
    def kr_kb(self) -> tuple[float, float]:
        """The weights of red and blue in luma."""
        return KR_KB.get(self.space, BT601)

    @property
    def full(self) -> bool:
        """Whether luma runs over 0..255 and not 16..235."""
        return self.range == FULL


@dataclass(frozen=True)
class Geometry:
    """A video as it is stored. `rotation` in degrees counter-clockwise makes it upright; `matrix` is its source.

    `sar` is the width of a pixel over its height. `pixels` is our working format.
    """

    width: int
    height: int
    rotation: int
    matrix: tuple[int, ...] | None
    sar: Fraction | None
    pixels: str
    colour: Colour
    mastering: Mastering | None = None

    @property
    def turned(self) -> bool:
        """Whether upright swaps the sides."""
        return self.rotation % 180 == 90

    @property
    def quarters(self) -> int:
        """Quarter turns counter-clockwise from storage to upright, as `np.rot90` counts them."""
        return (self.rotation // 90) % 4


def planes(frame: VideoFrame) -> tuple[Plane, ...]:
    """Writable views of the visible part of each plane; they keep the frame's memory alive."""
    wide = frame.format.name.endswith("le")
    views: list[Plane] = []
    for plane, component in zip(frame.planes, frame.format.components, strict=True):
        dtype: Any = np.uint16 if wide else np.uint8
        rows = np.frombuffer(memoryview(plane), dtype).reshape(-1, plane.line_size // np.dtype(dtype).itemsize)
        views.append(rows[: component.height, : component.width])
    return tuple(views)


def conform(frame: VideoFrame, geometry: Geometry) -> VideoFrame:
    """The frame in the geometry's format and size: itself where it is so already, as nearly always.

    BrokenMedia for a frame that is tagged with what nobody can convert from.
    """
    frame = coloured(frame)
    same_size = (frame.width, frame.height) == (geometry.width, geometry.height)
    if same_size and frame.format.name in SAME_PLANES[geometry.pixels]:
        return frame
    try:
        made = frame.reformat(
            width=geometry.width,
            height=geometry.height,
            format=geometry.pixels,
            dst_colorspace=Colorspace.ITU709 if frame.format.is_rgb else None,
            dst_color_range=ColorRange.JPEG if geometry.colour.full else ColorRange.MPEG,
        )
    except (FFmpegError, ValueError) as error:
        raise BrokenMedia(f"a {frame.format.name} frame of {frame.width} x {frame.height} cannot be used") from error
    made.pts, made.time_base = frame.pts, frame.time_base
    made.opaque = _alpha(frame, geometry)
    return made


def coloured(frame: VideoFrame) -> VideoFrame:
    """A grey frame with the chroma that it has not, 4:2:0; any other, and one that says it is full range, as it is.

    FFmpeg's scaler takes every grey for full range, whatever its tags say, and would take its contrast.
    """
    bits = GREYS.get(frame.format.name)
    if bits is None or frame.color_range == FULL:
        return frame
    deep = bits > 8
    colour = Colour(frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc)
    made = blank(frame.width, frame.height, "yuv420p10le" if deep else "yuv420p", colour)
    (luma,) = planes(frame)
    place, *chroma = planes(made)
    spare = bits - (10 if deep else 8)
    place[:] = luma << -spare if spare < 0 else luma >> spare
    for plane in chroma:
        plane[:] = 512 if deep else 128
    made.pts, made.time_base, made.duration = frame.pts, frame.time_base, frame.duration
    return made


def opacity(frame: VideoFrame) -> NDArray[np.uint8] | None:
    """`uint8 [h, w]`: what of a conformed frame is there at all, where its source says so; None is all of it."""
    kept = frame.opaque
    return kept if isinstance(kept, np.ndarray) else None


def _alpha(frame: VideoFrame, geometry: Geometry) -> NDArray[np.uint8] | None:
    if not any(component.is_alpha for component in frame.format.components):
        return None
    made = planes(frame.reformat(width=geometry.width, height=geometry.height, format="yuva420p"))[3]
    return None if made.min() == 255 else made.astype(np.uint8)


def blank(width: int, height: int, pixels: str, colour: Colour) -> VideoFrame:
    """An uninitialised frame with its tags."""
    frame = VideoFrame(width, height, pixels)
    frame.color_range, frame.colorspace = colour.range, colour.space
    frame.color_primaries, frame.color_trc = colour.primaries, colour.transfer
    return frame


def cropped(frame: VideoFrame, width: int, height: int) -> VideoFrame:
    """The upper left part of a frame, in a frame of its own with the same tags and times."""
    colour = Colour(frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc)
    made = blank(width, height, frame.format.name, colour)
    for target, plane in zip(planes(made), planes(frame), strict=True):
        target[:] = plane[: target.shape[0], : target.shape[1]]
    made.pts, made.time_base, made.duration = frame.pts, frame.time_base, frame.duration
    return made


def repeat_edges(plane: Plane, width: int, height: int) -> None:
    """Fill a plane beyond its `width` and `height` visible pixels with its last column and row, in place."""
    if plane.shape[1] > width:
        plane[:height, width:] = plane[:height, width - 1 : width]
    if plane.shape[0] > height:
        plane[height:] = plane[height - 1 : height]


def half(length: int) -> int:
    """The side of a chroma plane."""
    return (length + 1) // 2


def even(length: int) -> int:
    """The next even number: what 4:2:0 H.264 can hold."""
    return length + length % 2
