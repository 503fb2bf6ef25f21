"""Whether a rewritten network still says what the file says: both are shown the same pictures."""

from collections.abc import Callable, Iterator
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
SAME: Final = 0.1 / 255
"""How far apart both may be in the mean of where either is in doubt: a certain mask hides what led to it."""
MOST: Final = 0.5 / 255
"""How far in a single pixel. Where a mask is steep, rounding alone moves it more than `SAME`: onnxruntime's own
rewriting by 0.0006 in the default models, ours by 0.0008."""
DOUBT: Final = 0.01
LEAST_DOUBTED: Final = 0.001
"""Of a picture's pixels, in one picture at least: a mask without any would be the same after nearly any rewriting."""


def pictures(width: int, height: int) -> Iterator[Picture]:
    """Noise, in which most models find nothing at all, and something like a head before a wall: `float32 [3, h, w]`."""
    yield np.random.default_rng(1).random((3, height, width), np.float32)
    yield ellipse(width, height)


def ellipse(width: int, height: int) -> Picture:
    """A bright ellipse on a ramp, `float32 [3, h, w], 0..1`."""
    pixels = np.tile(np.linspace(0, 96, width), (height, 1))[:, :, None].repeat(3, 2).astype(np.uint8)
    cv2.ellipse(pixels, (width // 2, height // 2), (width // 5, height // 3), 0, 0, 360, (224, 172, 144), -1)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1) / np.float32(255), np.float32)


def say_the_same(one: Callable[[Picture], Picture], other: Callable[[Picture], Picture], size: tuple[int, int]) -> bool:
    """Whether both make the same masks, `float32 [h, w], 0..1`, of our pictures; not where those masks show nothing."""
    shown = False
    for picture in pictures(*size):
        first, second = one(picture), other(picture)
        apart = np.abs(first - second)
        doubted = _doubted(first) | _doubted(second)
        # Written so that what is not a number is not the same.
        if not apart.max() <= MOST or (doubted.any() and not apart[doubted].mean() <= SAME):
            return False
        shown = shown or bool(doubted.mean() >= LEAST_DOUBTED)
    return shown


def _doubted(mask: Picture) -> NDArray[np.bool_]:
    return (mask > DOUBT) & (mask < 1 - DOUBT)
