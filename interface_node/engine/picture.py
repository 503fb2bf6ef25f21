"""From an RGB picture to the numbers that a model was trained on."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from interface_node.engine.fitting import Fitted
from interface_node.engine.interface import ModelInput
from interface_node.engine.signature import picture_shape

ANY: dict[str, object] = {"name": "", "width": 16, "height": 16, "resize": "stretch", "multiple": 1}
PLAIN = ModelInput(name="", width=16, height=16)


class PictureInput:
    """Normalises, orders and types pictures, into memory of its own. One for each stream."""

    def __init__(self, entry: ModelInput, place: Fitted) -> None:
        width, height = place.canvas
        self._plain = not place.padded and entry.model_copy(update=ANY) == PLAIN
        self._step = -1 if entry.colour == "bgr" else 1
        mean, std = (np.array(values, np.float64)[:, None, None] for values in (entry.mean, entry.std))
        self._gain = (entry.scale / std).astype(np.float32)
        self._bias = (-mean / std).astype(np.float32)
        self._numbers = np.zeros((3, height, width), np.float32) + self._bias
        self._inside = self._numbers[:, *inside(place)]
        self._tensor: NDArray[Any] = np.empty(picture_shape(entry, place.canvas), np.dtype(entry.dtype))
        self._channels = self._tensor[0] if entry.layout == "nchw" else self._tensor[0].transpose(2, 0, 1)

    def __call__(self, rgb: NDArray[np.float32]) -> NDArray[Any]:
        """`float32 [3, h, w], 0..1` -> one picture in the model's layout and dtype, valid until the next call."""
        if self._plain:  # the default model's own: every copy costs a twentieth of its time
            return np.ascontiguousarray(rgb[None])
        np.multiply(rgb[:: self._step], self._gain, out=self._inside)
        self._inside += self._bias
        np.copyto(self._channels, self._numbers, casting="same_kind")
        return self._tensor


def inside(place: Fitted) -> tuple[slice, slice]:
    """The rows and columns of the picture in what the model takes."""
    (left, top), (width, height) = place.corner, place.picture
    return slice(top, top + height), slice(left, left + width)
