"""The shapes of a graph's tensors, where a few operators tell them. ONNX knows them all and takes longer to begin."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, ...]
Attributes = Mapping[str, Any]
Constants = Mapping[str, NDArray[Any]]
UNKNOWN: Final[Shape] = ()


def shape_of(
    kind: str, inputs: Sequence[str], attributes: Attributes, shapes: Mapping[str, Shape], constants: Constants
) -> Shape:
    """The shape of what an operator makes; UNKNOWN where it is not one of these, or an input's is not known."""
    told = [constants[name].shape if name in constants else shapes.get(name, UNKNOWN) for name in inputs]
    if kind in SAME_AS_INPUT:
        return told[0]
    if kind in TOGETHER:
        return np.broadcast_shapes(*told) if all(told) else UNKNOWN
    if not told or len(told[0]) != 4:
        return UNKNOWN
    if kind == "GlobalAveragePool":
        return (*told[0][:2], 1, 1)
    if kind == "Resize":
        return _resized(told[0], inputs, constants)
    window = WINDOWS.get(kind)
    return window(told, attributes) if window else UNKNOWN


def _resized(shape: Shape, inputs: Sequence[str], constants: Constants) -> Shape:
    factors = constants.get(inputs[2]) if len(inputs) == 3 else None
    if factors is None or factors.shape != (len(shape),):
        return UNKNOWN
    return tuple(int(side * factor) for side, factor in zip(shape, factors, strict=True))


def _convolved(told: Sequence[Shape], attributes: Attributes) -> Shape:
    picture, weights = told[:2]
    if len(weights) != 4:
        return UNKNOWN
    return _windowed((picture[0], weights[0], *picture[2:]), weights[2:], attributes)


def _pooled(told: Sequence[Shape], attributes: Attributes) -> Shape:
    return _windowed(told[0], attributes["kernel_shape"], attributes)


def _windowed(shape: Shape, kernel: Sequence[int], attributes: Attributes) -> Shape:
    if attributes.get("auto_pad", b"NOTSET") != b"NOTSET" or attributes.get("ceil_mode"):
        return UNKNOWN
    pads, strides = attributes.get("pads", (0, 0, 0, 0)), attributes.get("strides", (1, 1))
    dilations = attributes.get("dilations", (1, 1))
    sides = (
        (shape[2 + axis] + pads[axis] + pads[2 + axis] - dilations[axis] * (kernel[axis] - 1) - 1) // strides[axis] + 1
        for axis in (0, 1)
    )
    return (*shape[:2], *sides)


SAME_AS_INPUT: Final = frozenset({
    "BatchNormalization", "Clip", "HardSigmoid", "HardSwish", "Identity", "PRelu", "Relu", "Sigmoid", "Tanh",
})  # fmt: skip
TOGETHER: Final = frozenset({"Add", "Sub", "Mul", "Div"})
WINDOWS: Final[dict[str, Callable[[Sequence[Shape], Attributes], Shape]]] = {
    "Conv": _convolved,
    "AveragePool": _pooled,
    "MaxPool": _pooled,
}
