"""Moving the mask's edge to the picture's: a guided filter (He, Sun and Tang 2013) on luma, made of box filters.

In a small window the mask is a linear function of luma, `alpha = slope * luma + offset`. Slope and offset are found on
shrunk planes and applied to the full one (He and Sun 2015), and only where there is an edge: where the mask is constant
the slope is zero, and the filter changes nothing.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from interface_node.pipeline.frames import Plane

LONG_SIDE: Final = 320
"""At least, in pixels, of the planes that the filter works on."""
RADIUS: Final = 2
"""Of the window, in pixels of those planes."""
EPSILON: Final = 1e-3
"""Variance of luma (0..1) below which there is no edge to follow: a deviation of 0.03."""
SOFT: Final = (4, 251)
"""Between these codes alpha belongs to the edge."""

Floats = NDArray[np.float32]
Box = tuple[slice, slice]


def refined(alpha: NDArray[np.uint8], luma: Plane) -> NDArray[np.uint8]:
    """`alpha: uint8` of any size and `luma [h, w]` of 8 or 10 bits -> `uint8 [h, w]`, at the picture's size."""
    height, width = luma.shape
    full = np.asarray(cv2.resize(alpha, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    shrink = max(1, max(height, width) // LONG_SIDE)
    size = (max(1, width // shrink), max(1, height // shrink))
    small = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA if shrink == 1 else cv2.INTER_LINEAR)
    box = _edge(np.asarray(small, np.uint8))
    if box is None:
        return full
    rows, columns = box
    top, left = rows.start * height // size[1], columns.start * width // size[0]
    bottom, right = rows.stop * height // size[1], columns.stop * width // size[0]
    inside = luma[top:bottom, left:right]
    peak = np.float32(1023 if luma.dtype == np.uint16 else 255)
    shrunk = cv2.resize(inside, (columns.stop - columns.start, rows.stop - rows.start), interpolation=cv2.INTER_AREA)
    slope, offset = _fitted(small[box].astype(np.float32), shrunk.astype(np.float32) / peak)
    whole = (right - left, bottom - top)
    made = np.asarray(cv2.resize(slope / peak, whole, interpolation=cv2.INTER_LINEAR), np.float32)
    made *= inside
    made += np.asarray(cv2.resize(offset, whole, interpolation=cv2.INTER_LINEAR), np.float32)
    full[top:bottom, left:right] = cv2.convertScaleAbs(np.maximum(made, 0, out=made))
    return full


def _edge(small: NDArray[np.uint8]) -> Box | None:
    """The rectangle around every soft pixel and two windows more; None where the mask has no edge."""
    low, high = SOFT
    left, top, width, height = cv2.boundingRect(cv2.inRange(small, low, high))
    if width == 0:
        return None
    reach = 2 * RADIUS
    rows = slice(max(0, top - reach), min(small.shape[0], top + height + reach))
    return rows, slice(max(0, left - reach), min(small.shape[1], left + width + reach))


def _fitted(alpha: Floats, guide: Floats) -> tuple[Floats, Floats]:
    """Slope and offset of the mask (0..255) over luma (0..1), each the mean of all windows that a pixel is in."""
    light, mask = _mean(guide), _mean(alpha)
    spread = _mean(guide * guide) - light * light + np.float32(EPSILON)
    slope: Floats = np.divide(_mean(guide * alpha) - light * mask, spread, dtype=np.float32)
    return _mean(slope), _mean(mask - slope * light)


def _mean(values: Floats) -> Floats:
    side = 2 * RADIUS + 1
    return np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT_101), np.float32)
