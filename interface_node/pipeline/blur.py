"""The original picture, blurred, as a background.

The person is left out of the blur, by weights: otherwise their colours would glow around them.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from interface_node.pipeline.frames import Plane

MOST: Final = 1 / 20
"""Sigma at strength 1, in heights of the picture."""
SMALL_SIGMA: Final = 4.0
"""A wide blur is done on a picture shrunk until its sigma is about this, in pixels: nobody sees the difference."""
FLOOR: Final = 1e-3
"""Weight of the person's own pixels: what is behind them for more than the blur's width is their own colour."""


def blurred(front: Plane, mask: NDArray[np.uint8], sigma: float) -> Plane:
    """`front [h, w]` blurred by `sigma` pixels, as a plane of its own; `mask: uint8 [h, w]` is the person."""
    if sigma <= 0:
        return front
    height, width = front.shape
    shrink = max(1.0, sigma / SMALL_SIGMA)
    size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
    person = cv2.resize(mask, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    weight: NDArray[np.float32] = np.asarray(1 + FLOOR - person / 255, np.float32)
    small = np.asarray(cv2.resize(front, size, interpolation=cv2.INTER_AREA), np.float32)
    over = _smooth(small * weight, sigma / shrink) / _smooth(weight, sigma / shrink)
    full = np.rint(cv2.resize(over, (width, height), interpolation=cv2.INTER_LINEAR))
    return full.astype(np.uint8) if front.dtype == np.uint8 else full.astype(np.uint16)


def _smooth(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    made = cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(made, np.float32)
