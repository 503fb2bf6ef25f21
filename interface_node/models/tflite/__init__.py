"""TFLite graphs as ONNX, for the handful of operators that the default model is made of.

No converter at hand could do it: one needs TensorFlow and writes an invalid model, the others lack MediaPipe's own
transposed convolution. Whatever is not known exactly is refused, so that a changed file fails and is never guessed.
"""

import onnx

from interface_node.models.tflite import operators
from interface_node.models.tflite.graph import GraphBuilder
from interface_node.models.tflite.reader import IDENTIFIER, read

VERSION = 1
"""Raised with every change of the graphs written here: the cached conversions of older versions are not used."""


def is_tflite(data: bytes) -> bool:
    """Whether the bytes begin like a TFLite flatbuffer."""
    return data[4:8] == IDENTIFIER


def convert(data: bytes) -> onnx.ModelProto:
    """A TFLite model -> ONNX opset 17: `image: float32 [N, C, H, W]` -> `alpha: float32 [N, 1, H, W]`.

    Batch, height and width are symbolic; height and width must be multiples of the network's stride (16 for the default
    model). Weights are float32; half-precision constants are widened, which is exact. ModelInvalid names whatever
    is not understood.
    """
    source = read(data)
    builder = GraphBuilder(source)
    for operator in source.operators:
        operators.convert(builder, operator)
    return builder.finish(input_name="image", output_name="alpha")
