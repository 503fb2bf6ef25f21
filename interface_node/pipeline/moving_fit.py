"""Frames of a background as planes of the source: fitted, turned and in its colours, without a way over RGB.

What is stored is compared, not what is seen: a picture that lies as the source lies needs no turning.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import cv2
import numpy as np
from av.video.frame import VideoFrame

from interface_node.pipeline.frames import (
    Colour,
    Geometry,
    Plane,
    conform,
    half,
    planes,
)
from interface_node.pipeline.still import picture_of
from protocol.work import Fit

OF_RGB: Final = Colour(1, 1, 1, 1)
"""What `conform` makes of RGB."""


@dataclass(frozen=True)
class Part:
    """A part of a side, in luma samples; it begins on an even one, so that chroma has the same part."""

    start: int
    size: int

    def of(self, plane: int) -> slice:
        """The same part in plane 0 (luma), 1 or 2."""
        if plane == 0:
            return slice(self.start, self.start + self.size)
        return slice(self.start // 2, self.start // 2 + half(self.size))


def fitted(frame: VideoFrame, own: Geometry, fit: Fit, target: Geometry) -> tuple[Plane, ...]:
    """Y, U, V planes of `frame`, which is stored as `own` says, in the size, orientation and colours of `target`.

    Cover crops the middle, contain adds black bars, stretch distorts. Zero copies where both are alike.
    """
    frame, own = _over_black(frame, own)
    quarters = (own.quarters - target.quarters) % 4
    stored = planes(conform(frame, replace(own, pixels=target.pixels)))
    if quarters:
        stored = tuple(turned(plane, quarters) for plane in stored)
    shape = stored[0].shape
    ratio = _aspect(target, 0) / _aspect(own, quarters) if fit != "stretch" else Fraction(1)
    keep = (min(Fraction(1), ratio), min(Fraction(1), 1 / ratio))
    if fit == "contain":
        across, down = _part(target.width, min(Fraction(1), 1 / ratio)), _part(target.height, min(Fraction(1), ratio))
        return _padded(_in_colours(_resized(stored, across.size, down.size), own, target), across, down, target)
    across, down = _part(shape[1], keep[0]), _part(shape[0], keep[1])
    middle = tuple(plane[down.of(index), across.of(index)] for index, plane in enumerate(stored))
    return _in_colours(_resized(middle, target.width, target.height), own, target)


def _over_black(frame: VideoFrame, own: Geometry) -> tuple[VideoFrame, Geometry]:
    """Alpha, where there is some, is treated as a still's: what can be seen through is black."""
    if not any(component.is_alpha for component in frame.format.components):
        return frame, own
    rgba = picture_of(frame, "rgba").astype(np.uint16)
    flat = VideoFrame.from_ndarray(((rgba[:, :, :3] * rgba[:, :, 3:] + 127) // 255).astype(np.uint8), "rgb24")
    flat.pts, flat.time_base = frame.pts, frame.time_base
    return flat, replace(own, colour=OF_RGB)


def turned(plane: Plane, quarters: int) -> Plane:
    """So many quarters counter-clockwise, as an array of its own."""
    made = np.ascontiguousarray(np.rot90(plane, quarters))
    return np.asarray(made, np.uint8) if plane.dtype == np.uint8 else np.asarray(made, np.uint16)


def _aspect(geometry: Geometry, quarters: int) -> Fraction:
    """How much wider than high the stored picture is seen, after so many quarter turns."""
    aspect = Fraction(geometry.width, geometry.height) * (geometry.sar or 1)
    return 1 / aspect if quarters % 2 else aspect


def _part(length: int, keep: Fraction) -> Part:
    """The middle of a side; less than a sample that would be cut off stays."""
    size = max(2, 2 * round(length * keep / 2))
    return Part(0, length) if size >= length - 1 else Part((length - size) // 4 * 2, size)


def _resized(stored: tuple[Plane, ...], width: int, height: int) -> tuple[Plane, ...]:
    sizes = ((width, height), (half(width), half(height)), (half(width), half(height)))
    return tuple(_resize(plane, *size) for plane, size in zip(stored, sizes, strict=True))


def _resize(plane: Plane, width: int, height: int) -> Plane:
    if plane.shape == (height, width):
        return plane
    shrinks = width * height < plane.size
    made = cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return np.asarray(made, np.uint8) if plane.dtype == np.uint8 else np.minimum(made, 1023).astype(np.uint16)


def _in_colours(made: tuple[Plane, ...], own: Geometry, target: Geometry) -> tuple[Plane, ...]:
    """By the target's matrix and range: two of them in one picture would show at every edge."""
    mine, wanted = _meaning(own.colour), _meaning(target.colour)
    if mine == wanted:
        return made
    height, width = made[0].shape
    frame = VideoFrame(width, height, target.pixels)
    for place, plane in zip(planes(frame), made, strict=True):
        place[:] = plane
    converted = frame.reformat(
        format=target.pixels,
        src_colorspace=mine[0],
        dst_colorspace=wanted[0],
        src_color_range=mine[1],
        dst_color_range=wanted[1],
    )
    return planes(converted)


def swscale_matrix(colour: Colour) -> int:
    """swscale's number of a matrix: H.273's for those that it knows, BT.601 for the rest."""
    return colour.space if colour.space in (1, 4, 7, 9) else 5


def _meaning(colour: Colour) -> tuple[int, int]:
    return swscale_matrix(colour), 2 if colour.full else 1


def _padded(made: tuple[Plane, ...], across: Part, down: Part, target: Geometry) -> tuple[Plane, ...]:
    """On black."""
    if made[0].shape == (target.height, target.width):
        return made
    deep = 4 if made[0].dtype == np.uint16 else 1
    sizes = ((target.height, target.width), *[(half(target.height), half(target.width))] * 2)
    blacks = (0 if target.colour.full else 16 * deep, 128 * deep, 128 * deep)
    canvas = tuple(np.full(size, black, made[0].dtype) for size, black in zip(sizes, blacks, strict=True))
    for index, plane in enumerate(made):
        canvas[index][down.of(index), across.of(index)] = plane
    return canvas
