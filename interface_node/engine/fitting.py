"""How large the picture is that a model is shown of a frame, and where it lies in what the model takes."""

import math
from typing import NamedTuple

from interface_node.engine.interface import ModelInput

Size = tuple[int, int]
LEAST = 2
"""Pixels: of a frame that is a thousand times as wide as high, something must be left."""


class Fitted(NamedTuple):
    """Width and height of the picture and of the model's input, and the picture's left upper corner in it."""

    picture: Size
    canvas: Size
    corner: Size = (0, 0)

    @property
    def padded(self) -> bool:
        """Whether there is something around the picture."""
        return self.picture != self.canvas


def fitted(entry: ModelInput, frame: Size | None) -> Fitted:
    """What becomes of frames of these sides; without them every picture is stretched."""
    if frame is None or entry.resize == "stretch":
        return Fitted(entry.size, entry.size)
    if entry.resize == "free":
        sides = _free(entry, frame)
        return Fitted(sides, sides)
    scale = min(entry.width / frame[0], entry.height / frame[1])
    width, height = (max(LEAST, round(side * scale)) for side in frame)
    return Fitted((width, height), entry.size, ((entry.width - width) // 2, (entry.height - height) // 2))


def _free(entry: ModelInput, frame: Size) -> Size:
    """As many pixels as `width` x `height`, in the frame's shape, in whole steps of `multiple`."""
    scale = math.sqrt(entry.width * entry.height / (frame[0] * frame[1]))
    width, height = (max(1, round(side * scale / entry.multiple)) * entry.multiple for side in frame)
    return width, height
