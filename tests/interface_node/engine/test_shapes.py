"""Shapes are those that ONNX itself infers, or nothing."""

from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import NodeProto, helper

from interface_node.engine.graph import Graph
from tests.interface_node.engine import graphs


def with_sides(model: onnx.ModelProto) -> onnx.ModelProto:
    """The default model for pictures of 288 x 512."""
    for side, length in zip(model.graph.input[0].type.tensor_type.shape.dim, (1, 3, 512, 288), strict=True):
        side.dim_value = length
    model.graph.output[0].type.tensor_type.ClearField("shape")
    return model


def test_of_every_tensor_of_the_default_model_whose_shape_is_told(selfie_path: Path) -> None:
    model = with_sides(onnx.load(str(selfie_path)))
    graph = Graph.of(model)
    known = onnx.shape_inference.infer_shapes(model).graph.value_info
    told = {value.name: graph.shape(value.name) for value in known if graph.shape(value.name)}
    assert len(told) > len(known) - 5
    for value in known:
        if value.name in told:
            assert told[value.name] == tuple(side.dim_value for side in value.type.tensor_type.shape.dim)


def node(kind: str, inputs: str, **attributes: Any) -> NodeProto:
    return helper.make_node(kind, inputs.split(","), ["mask"], **attributes)


@pytest.mark.parametrize(
    "made",
    [
        node("MaxPool", "image", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"),
        node("MaxPool", "image", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
        node("Transpose", "image", perm=[0, 2, 3, 1]),
        node("Add", "image,unknown"),
    ],
    ids=lambda made: made.op_type,
)
def test_what_is_not_certain_is_not_told(tmp_path: Path, made: NodeProto) -> None:
    inputs: dict[str, tuple[int, graphs.Shape]] = {
        "image": (graphs.FLOAT, (1, 3, 16, 16)),
        "unknown": (graphs.FLOAT, (1, 3, "h", 16)),
    }
    path = graphs.save(tmp_path / "m.onnx", [made], inputs, {"mask": (graphs.FLOAT, None)})
    assert Graph.of(onnx.load(str(path))).shape("mask") == ()
