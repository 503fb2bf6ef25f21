"""From what a model answers to the mask of its person."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from interface_node.engine.interface import ModelOutput
from interface_node.errors import EngineFailed, ModelInvalid

Mask = NDArray[np.float32]


def read(raw: NDArray[Any], output: ModelOutput, size: tuple[int, int]) -> Mask:
    """One channel of any layout, float dtype and size -> `float32 [h, w], 0..1` of `size` (width, height).

    ModelInvalid when it has more than one channel, EngineFailed when numbers in it are none.
    """
    sides = [side for side in raw.shape if side != 1]
    if len(sides) != 2:
        raise ModelInvalid(f"the model's output is {list(raw.shape)}, not a mask of one channel")
    mask = activated(raw.reshape(sides).astype(np.float32, copy=False), output)
    if np.isnan(mask.sum()):
        raise EngineFailed("the model answered with something that is no number; in float16 that is an overflow")
    if mask.shape != (size[1], size[0]):
        smaller = mask.shape[0] > size[1]
        mask = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR))
    clipped: Mask = np.clip(mask, 0, 1)
    return clipped


def activated(mask: Mask, output: ModelOutput) -> Mask:
    """What the graph left undone."""
    match output.activation:
        case "sigmoid":  # as a tanh: exp overflows where a logit is below -88
            return np.asarray(0.5 * np.tanh(0.5 * mask) + 0.5, np.float32)
        case "minmax":
            low, high = mask.min(), mask.max()
            return (mask - low) / (high - low) if high > low else mask
        case "none":
            return mask
