"""The person's own colours at the edge, where a camera mixes them with what is behind.

Blur-fusion, after M. Forte and F. Pitie, "Approximate Fast Foreground Colour Estimation" (ICIP 2021). A pixel of the
picture is `I = a F + (1 - a) B`. Both colours are guessed as means of the neighbourhood, weighted by how much of each
is seen there, and what the picture shows beyond the guess is added:

    F' = mean(a I) / mean(a)    B' = mean((1 - a) I) / mean(1 - a)    F = F' + a (I - a F' - (1 - a) B')

This is done twice: in a wide window, and in a narrow one with the colours of the first in place of `I`. The guesses are
smooth, so they are made on shrunk planes; the last step is made at full size. The formula bears any affine code, so it
takes planes of luma and chroma as it takes red, green and blue.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from interface_node.pipeline.frames import Plane

LONG_SIDE: Final = 320
"""At least, in pixels, of the planes that colours are guessed on, if the picture has as many."""
WIDE, NARROW = 45, 5
"""Sides of the two windows, in pixels of those planes. The authors' are half as wide, for sharper masks than ours: an
edge of the default model is about five of these pixels."""
SCARCE: Final = np.float32(1e-3)
"""The weight of the plain mean, which counts where a window sees nothing of a colour."""

Floats = NDArray[np.float32]


class _Box(NamedTuple):
    """A part of the picture, in pixels of its largest plane; its beginnings are even."""

    top: int
    bottom: int
    left: int
    right: int

    def of(self, plane: Plane | NDArray[np.uint8], whole: tuple[int, ...]) -> tuple[slice, slice]:
        """The same part of a plane that has all or half of the sides of `whole`."""
        high, wide = (1 if own == side else 2 for own, side in zip(plane.shape, whole, strict=True))
        return (
            slice(self.top // high, -(-self.bottom // high)),
            slice(self.left // wide, -(-self.right // wide)),
        )


def decontaminated(planes: Sequence[Plane], masks: Sequence[NDArray[np.uint8]]) -> tuple[Plane, ...]:
    """Planes with the person's colours where the mask is soft; elsewhere they are the same.

    `planes: uint8 | uint16 (10 bits) [h, w]`, `masks: uint8 [h, w]`, one in the size of each. Planes are as large as
    the first, or have half its sides, rounded up. None is changed in place; where no mask is soft they are returned.
    """
    box = _soft(masks[0])
    if box is None:
        return tuple(planes)
    whole = masks[0].shape
    size = _guessed_size(box, whole)
    alpha = _shrunk(masks[0][box.of(masks[0], whole)], size) * np.float32(1 / 255)
    weight = _Weight(alpha)
    made = []
    for plane, mask in zip(planes, masks, strict=True):
        here = box.of(plane, whole)
        front, behind = weight.guessed(_shrunk(plane[here], size))
        fused = plane.copy()
        fused[here] = _fused(plane[here], mask[here], front, behind)
        made.append(fused)
    return tuple(made)


def _soft(mask: NDArray[np.uint8]) -> _Box | None:
    """The rectangle around every pixel that is neither the person's alone nor without it, and a little more; in whole
    pixels of the shrunk planes, by which area means are quick."""
    left, top, width, height = cv2.boundingRect(cv2.inRange(mask, np.array(1), np.array(254)))
    if not width:
        return None
    rows, columns = mask.shape
    cell = 2 * _shrink(mask.shape)
    reach = NARROW * cell // 2
    return _Box(
        max(0, top - reach) // cell * cell,
        min(rows, -(-(top + height + reach) // cell) * cell),
        max(0, left - reach) // cell * cell,
        min(columns, -(-(left + width + reach) // cell) * cell),
    )


def _shrink(whole: tuple[int, ...]) -> int:
    return max(1, max(whole) // LONG_SIDE)


def _guessed_size(box: _Box, whole: tuple[int, ...]) -> tuple[int, int]:
    """Width and height of the shrunk part."""
    shrink = _shrink(whole)
    return -(-(box.right - box.left) // shrink), -(-(box.bottom - box.top) // shrink)


def _shrunk(plane: Plane, size: tuple[int, int]) -> Floats:
    """By area where it becomes smaller."""
    height, width = plane.shape
    method = cv2.INTER_AREA if size[0] <= width and size[1] <= height else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(plane, size, interpolation=method), np.float32)


class _Weight:
    """How much of the person and of the rest is in each pixel, `[h, w]`, and in the windows around it."""

    def __init__(self, alpha: Floats) -> None:
        self._alpha = alpha
        self._rest = np.asarray(1 - alpha, np.float32)
        self._seen = {side: _mean(alpha, side) for side in (WIDE, NARROW)}

    def guessed(self, picture: Floats) -> tuple[Floats, Floats]:
        """`picture [h, w]` -> F' and B' of the second pass."""
        front, behind = self._means(picture, picture, WIDE)
        front += self._alpha * (picture - self._alpha * front - self._rest * behind)
        return self._means(front, behind, NARROW)

    def _means(self, front: Floats, behind: Floats, side: int) -> tuple[Floats, Floats]:
        seen = self._seen[side]
        return _weighted(front, self._alpha, seen, side), _weighted(behind, self._rest, 1 - seen, side)


def _weighted(colours: Floats, weight: Floats, total: Floats, side: int) -> Floats:
    """The mean of each window by weight, of which `total` is in it; where there is hardly any, the plain mean."""
    found = _mean(colours * (weight + SCARCE), side)
    found /= total + SCARCE
    return found


def _mean(values: Floats, side: int) -> Floats:
    return np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REPLICATE), np.float32)


def _fused(plane: Plane, mask: NDArray[np.uint8], front: Floats, behind: Floats) -> Plane:
    """The last step, where the mask is soft; elsewhere a copy."""
    height, width = plane.shape
    peak = 1023 if plane.dtype == np.uint16 else 255
    # As codes of the plane: they are enlarged in a third of the time of floats.
    person, rest = (
        cv2.resize(
            np.clip(np.rint(small), 0, peak).astype(plane.dtype), (width, height), interpolation=cv2.INTER_LINEAR
        )
        for small in (front, behind)
    )
    made = plane.copy()
    places = np.flatnonzero(mask - np.uint8(1) < 254)  # 0 becomes 255: what is looked for is 1 to 254
    alpha = mask.take(places) * np.float32(1 / 255)
    own, other = (np.asarray(one).take(places).astype(np.float32) for one in (person, rest))
    found = made.take(places) - other
    found -= alpha * (own - other)
    found *= alpha
    found += own
    made.put(places, np.clip(np.rint(found), 0, peak).astype(plane.dtype))
    return made
