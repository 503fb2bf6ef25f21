"""Filling the holes that a model leaves in a person's body, at the model's own size."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

INSIDE: Final = 128
"""Alpha from which a pixel counts as the person."""
LARGEST: Final = 0.01
"""Of the person's area: a larger hole is a loop of an arm, and the background is seen through it."""
_RIM: Final = np.ones((5, 5), np.uint8)
_SKIN: Final = np.ones((3, 3), np.uint8)


def filled(alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`alpha: uint8 [h, w]` with every enclosed hole up to `LARGEST` of the person's area made opaque.

    The same array where there is none. A hole that touches the picture's edge is not enclosed.
    """
    person = (alpha >= INSIDE).view(np.uint8)
    contours, tree = cv2.findContours(person, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return alpha
    most = LARGEST * np.count_nonzero(person)
    inner = [np.asarray(contours[int(place)], np.int32) for place in np.flatnonzero(tree[0, :, 3] >= 0)]
    holes = [contour for contour in inner if _enclosed(contour) <= most]
    if not holes:
        return alpha
    drawn = np.zeros_like(person)
    cv2.drawContours(drawn, holes, -1, 1, cv2.FILLED)
    # The rim of a hole is half transparent; the person's own edge, where it is near, stays as it is.
    body = cv2.erode(person | drawn, _SKIN)
    opaque = cv2.bitwise_and(cv2.dilate(drawn, _RIM), body)
    made: NDArray[np.uint8] = np.where(opaque > 0, np.uint8(255), alpha)
    return made


def _enclosed(contour: NDArray[np.int32]) -> float:
    """Pixels of the hole: its contour runs on the person's pixels around it (Pick's theorem)."""
    return cv2.contourArea(contour) - len(contour) / 2 + 1
