"""One function for each TFLite operator that we know: it appends the ONNX nodes that compute the same.

TFLite pictures are N, H, W, C and ONNX's are N, C, H, W; only weights are transposed, once, here. Elementwise operators
need nothing because every picture is transposed alike.
"""

import struct
from collections.abc import Callable
from typing import Final

import numpy as np
import tflite

from interface_node.errors import ModelInvalid
from interface_node.models.tflite.graph import GraphBuilder
from interface_node.models.tflite.reader import Operator

Emit = Callable[[GraphBuilder, Operator], None]


def convert(builder: GraphBuilder, operator: Operator) -> None:
    """Append what `operator` computes; ModelInvalid when its kind is not known."""
    emit = EMITTERS.get(operator.kind)
    if emit is None:
        raise ModelInvalid(f"the operator {operator.kind} is not known")
    emit(builder, operator)


def _dequantize(builder: GraphBuilder, operator: Operator) -> None:
    builder.widen(operator.output, operator.inputs[0])


def _convolution(builder: GraphBuilder, operator: Operator) -> None:
    source, weights, _ = operator.inputs
    depthwise = operator.kind == "DEPTHWISE_CONV_2D"
    if depthwise and operator.options.DepthMultiplier() != 1:
        raise ModelInvalid("a depthwise convolution with a multiplier")
    # Depthwise weights come as 1, H, W, C; plain ones as O, H, W, I.
    kernel = builder.value(weights).astype(np.float32).transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
    size, stride = kernel.shape[2:], (operator.options.StrideH(), operator.options.StrideW())
    builder.node(
        "Conv",
        [builder.name(source), *_weights(builder, operator, kernel)],
        operator.output,
        kernel_shape=size,
        strides=stride,
        pads=_padding(builder, operator, size, stride),
        dilations=(operator.options.DilationHFactor(), operator.options.DilationWFactor()),
        group=kernel.shape[0] if depthwise else 1,
    )


def _weights(builder: GraphBuilder, operator: Operator, kernel: np.ndarray) -> list[str]:
    bias = builder.value(operator.inputs[2]).astype(np.float32)
    return [builder.constant(f"w{operator.output}", kernel), builder.constant(f"b{operator.output}", bias)]


def _padding(builder: GraphBuilder, operator: Operator, size: tuple[int, ...], stride: tuple[int, int]) -> list[int]:
    """ONNX `pads` (top, left, bottom, right) for TFLite's SAME and VALID; SAME puts the odd row at the end."""
    if operator.options.Padding() == tflite.Padding.VALID:
        return [0, 0, 0, 0]
    before, after = builder.shape(operator.inputs[0])[1:3], builder.shape(operator.output)[1:3]
    total = [
        max((out - 1) * step + length - have, 0)
        for have, out, length, step in zip(before, after, size, stride, strict=True)
    ]
    return [*(extra // 2 for extra in total), *(extra - extra // 2 for extra in total)]


def _transposed_convolution(builder: GraphBuilder, operator: Operator) -> None:
    """MediaPipe's own operator. Its options are three int32: padding, horizontal stride, vertical stride."""
    _, across, down = struct.unpack("<3i", operator.custom_options)
    kernel = builder.value(operator.inputs[1]).astype(np.float32).transpose(3, 0, 1, 2)
    have, out = builder.shape(operator.inputs[0])[1:3], builder.shape(operator.output)[1:3]
    if kernel.shape[2:] != (down, across) or out != (have[0] * down, have[1] * across):
        raise ModelInvalid("a transposed convolution whose kernel is not its stride")
    builder.node(
        "ConvTranspose",
        [builder.name(operator.inputs[0]), *_weights(builder, operator, kernel)],
        operator.output,
        kernel_shape=kernel.shape[2:],
        strides=(down, across),
    )


def _average_pool(builder: GraphBuilder, operator: Operator) -> None:
    window = (operator.options.FilterHeight(), operator.options.FilterWidth())
    whole = builder.shape(operator.inputs[0])[1:3] == window
    if not whole or operator.options.Padding() != tflite.Padding.VALID:
        raise ModelInvalid("an average pool that is not over the whole picture")
    builder.node("GlobalAveragePool", [builder.name(operator.inputs[0])], operator.output)


def _resize(builder: GraphBuilder, operator: Operator) -> None:
    """Bilinear, by a constant factor, so that any height and width pass through."""
    have, target = builder.shape(operator.inputs[0])[1:3], builder.value(operator.inputs[1])
    factors = np.array([1.0, 1.0, target[0] / have[0], target[1] / have[1]], np.float32)
    mode = "asymmetric"
    if operator.options.AlignCorners():
        mode = "align_corners"
    elif operator.options.HalfPixelCenters():
        mode = "half_pixel"
    name = builder.constant(f"scale{operator.output}", factors)
    builder.node(
        "Resize",
        [builder.name(operator.inputs[0]), "", name],
        operator.output,
        mode="linear",
        coordinate_transformation_mode=mode,
    )


def _elementwise(kind: str) -> Emit:
    def emit(builder: GraphBuilder, operator: Operator) -> None:
        builder.node(kind, [builder.name(tensor) for tensor in operator.inputs], operator.output)

    return emit


EMITTERS: Final[dict[str, Emit]] = {
    "ADD": _elementwise("Add"),
    "AVERAGE_POOL_2D": _average_pool,
    "CONV_2D": _convolution,
    "CUSTOM:Convolution2DTransposeBias": _transposed_convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "DEQUANTIZE": _dequantize,
    "HARD_SWISH": _elementwise("HardSwish"),
    "LOGISTIC": _elementwise("Sigmoid"),
    "MUL": _elementwise("Mul"),
    "RELU": _elementwise("Relu"),
    "RESIZE_BILINEAR": _resize,
}
