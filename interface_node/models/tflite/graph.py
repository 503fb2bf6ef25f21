"""Building the ONNX graph: names, constants, nodes, and the checked model at the end."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from interface_node.errors import ModelInvalid
from interface_node.models.tflite.reader import Graph

OPSET = 17
IR_VERSION = 8


class GraphBuilder:
    """An ONNX graph in the making; tensors keep the numbers that they have in the TFLite file."""

    def __init__(self, source: Graph) -> None:
        self.source = source
        self._widened: dict[int, NDArray[Any]] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def shape(self, tensor: int) -> tuple[int, ...]:
        """The tensor's shape in the TFLite file: N, H, W, C."""
        return self.source.tensors[tensor].shape

    def value(self, tensor: int) -> NDArray[Any]:
        """A constant tensor's numbers; ModelInvalid when the tensor is computed."""
        found = self._widened.get(tensor, self.source.tensors[tensor].constant)
        if found is None:
            raise ModelInvalid(f"tensor {tensor} must be a constant and is not")
        return found

    def widen(self, tensor: int, constant: int) -> None:
        """Let `tensor` be the half-precision `constant` in float32."""
        values = self.value(constant)
        if values.dtype != np.float16:
            raise ModelInvalid(f"tensor {constant} is {values.dtype}, not a half-precision constant")
        self._widened[tensor] = values.astype(np.float32)

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """A named constant in the graph; the same name twice is the same constant."""
        self._constants.setdefault(name, numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def name(self, tensor: int) -> str:
        """The name of a computed tensor."""
        return f"t{tensor}"

    def node(self, kind: str, inputs: list[str], output: int, **attributes: Any) -> None:
        """Append a node that computes tensor `output`."""
        self._nodes.append(helper.make_node(kind, inputs, [self.name(output)], name=f"{kind}_{output}", **attributes))

    def finish(self, input_name: str, output_name: str) -> onnx.ModelProto:
        """The whole model, checked, with N, H and W symbolic."""
        ends = {self.name(self.source.input): input_name, self.name(self.source.output): output_name}
        for node in self._nodes:
            for names in (node.input, node.output):
                for index, name in enumerate(names):
                    names[index] = ends.get(name, name)
        graph = helper.make_graph(
            self._nodes,
            "segmentation",
            [self._picture(input_name, self.source.input)],
            [self._picture(output_name, self.source.output)],
            list(self._constants.values()),
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="segfleet")
        onnx.checker.check_model(model, full_check=True)
        return model

    def _picture(self, name: str, tensor: int) -> onnx.ValueInfoProto:
        shape = self.shape(tensor)
        if len(shape) != 4:
            raise ModelInvalid(f"the model's {name} has shape {list(shape)}, not N, H, W, C")
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", shape[3], "H", "W"])
