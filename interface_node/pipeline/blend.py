"""One plane over another, with OpenCV's saturating arithmetic."""

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from interface_node.pipeline.frames import Plane
from interface_node.pipeline.stretching import Place

ALL: Final[Place] = (slice(None), slice(None))


def blend(front: Plane, behind: Plane, mask: NDArray[np.uint8], rest: Plane, target: Plane, here: Place = ALL) -> None:
    """`target = (front * mask + behind * (255 - mask)) / 255`, each product rounded: off by one at most.

    All are `[h, w]`, `mask: uint8`, the others of one dtype; `rest` is scratch room. Beyond the rows and columns of
    `here` the mask is 0 and the background goes unchanged, which costs a copy and no arithmetic.
    """
    np.copyto(target, behind)
    if not mask[here].size:
        return
    weight: NDArray[Any] = mask[here] if front.dtype == np.uint8 else mask[here].astype(np.uint16)
    inverse = np.subtract(255, weight, dtype=weight.dtype)
    cv2.multiply(front[here], weight, dst=target[here], scale=1 / 255)
    cv2.multiply(behind[here], inverse, dst=rest[here], scale=1 / 255)
    cv2.add(target[here], rest[here], dst=target[here])
