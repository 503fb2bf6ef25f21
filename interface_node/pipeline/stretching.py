"""Masks brought to the size of a picture, where there is anything in them."""

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Place = tuple[slice, slice]
NOWHERE: Final = (slice(0, 0), slice(0, 0))


class Canvas:
    """Room for one mask of a fixed size, used again for each frame.

    Only the part around the person is stretched; the rest is 0 anyway.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._mask = np.zeros(shape, np.uint8)
        self.here: Place = NOWHERE
        """Rows and columns beyond which the mask is 0."""

    def stretched(self, alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """`alpha: uint8` of any size at the size of the canvas, `uint8 [h, w]`, until the next call."""
        self._mask[self.here] = 0
        source, self.here = _places(alpha, self._mask.shape)
        part = self._mask[self.here]
        if part.size:
            height, width = part.shape
            cv2.resize(alpha[source], (width, height), dst=part, interpolation=cv2.INTER_LINEAR)
        return self._mask


def _places(alpha: NDArray[np.uint8], shape: tuple[int, ...]) -> tuple[Place, Place]:
    """The part of a mask that is not 0, with a border, and where it lies in one of `shape`."""
    left, top, width, height = cv2.boundingRect(alpha)
    if not width:
        return NOWHERE, NOWHERE
    rows, own_rows = _spans(top, top + height, alpha.shape[0], shape[0])
    columns, own_columns = _spans(left, left + width, alpha.shape[1], shape[1])
    return (rows, columns), (own_rows, own_columns)


def _spans(first: int, last: int, length: int, wanted: int) -> tuple[slice, slice]:
    """A span of a line and the same of one of another length, both of whole pixels: each pixel between them then has
    the weights that it has in the whole. One pixel more on each side, with which the last ones are mixed."""
    step = length // math.gcd(length, wanted)
    first = max(0, first - 1) // step * step
    last = min(length, -(-(last + 1) // step) * step)
    return slice(first, last), slice(first * wanted // length, last * wanted // length)
