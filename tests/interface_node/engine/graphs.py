"""Small ONNX files that answer like the models of the field: same names, shapes and dtypes, a few nodes inside."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

FLOAT, HALF = int(TensorProto.FLOAT), int(TensorProto.FLOAT16)
Shape = Sequence[int | str] | None
WEIGHTS = (1.5, -2.0, 0.75)
"""What red, green and blue count: different, so that no order of colours passes for another."""


def save(
    path: Path,
    nodes: list[NodeProto],
    inputs: Mapping[str, tuple[int, Shape]],
    outputs: Mapping[str, tuple[int, Shape]],
    opset: int = 17,
) -> Path:
    """Write a graph whose inputs and outputs are {name: (type, shape)}."""
    takes, gives = (
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in values.items()]
        for values in (inputs, outputs)
    )
    graph = helper.make_graph(nodes, "small", takes, gives)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), str(path))
    return path


def constant(name: str, values: object, dtype: Any = np.float32) -> NodeProto:
    """A node whose output `name` never changes."""
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(values, dtype)))


def person(picture: str, logit: str) -> list[NodeProto]:
    """`logit [1, 1, h, w]`: the weighted sum of the picture's channels."""
    return [
        constant("weights", np.array(WEIGHTS).reshape(1, 3, 1, 1)),
        constant("channels", [1], np.int64),
        helper.make_node("Mul", [picture, "weights"], ["weighted"]),
        helper.make_node("ReduceSum", ["weighted", "channels"], [logit], keepdims=1),
    ]


def recurrent(path: Path) -> Path:
    """Robust Video Matting's signature with the dimension names of its export, and four memories that fade by half.

    The first has the mask's size, the others a half, a quarter and an eighth of it, as in the original.
    """
    anything = ["batch_size", "channels", "height", "width"]
    picture: Shape = ["batch_size", 3, "height", "width"]
    nodes = [
        *person("src", "logit"),
        helper.make_node("Sigmoid", ["logit"], ["seen0"]),
        helper.make_node("Identity", ["src"], ["fgr"]),
        constant("half", 0.5),
        constant("fifth", 0.2),
    ]
    for level in range(1, 5):
        step = [2, 2] if level > 1 else [1, 1]
        nodes += [
            helper.make_node("AveragePool", [f"seen{level - 1}"], [f"seen{level}"], kernel_shape=step, strides=step),
            helper.make_node("Mul", [f"seen{level}", "half"], [f"new{level}"]),
            helper.make_node("Mul", [f"r{level}i", "half"], [f"old{level}"]),
            helper.make_node("Add", [f"new{level}", f"old{level}"], [f"r{level}o"]),
            helper.make_node("ReduceMean", [f"r{level}o"], [f"mean{level}"], keepdims=1),
        ]
    nodes += [
        helper.make_node("Sum", ["r1o", "mean2", "mean3", "mean4"], ["sum"]),
        helper.make_node("Mul", ["sum", "fifth"], ["scaled"]),
        helper.make_node("Mul", ["scaled", "downsample_ratio"], ["pha"]),
    ]
    states = {f"r{level}i": (FLOAT, anything) for level in range(1, 5)}
    outputs = {f"r{level}o": (FLOAT, anything) for level in range(1, 5)}
    mask: Shape = ["batch_size", 1, "height", "width"]
    return save(
        path,
        nodes,
        {"src": (FLOAT, picture), **states, "downsample_ratio": (FLOAT, [1])},
        {"fgr": (FLOAT, picture), "pha": (FLOAT, mask), **outputs},
        opset=13,
    )
