"""A TFLite flatbuffer as plain values: tensors, constants, operators with the options they need."""

import struct
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import tflite
from numpy.typing import NDArray

from interface_node.errors import ModelInvalid

IDENTIFIER: Final = b"TFL3"
OPERATOR_NAMES: Final[dict[int, str]] = {
    number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)
}
CONSTANT_TYPES: Final[dict[int, type[np.generic]]] = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
}
OPTIONS: Final[dict[str, Any]] = {
    "CONV_2D": tflite.Conv2DOptions,
    "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
    "AVERAGE_POOL_2D": tflite.Pool2DOptions,
    "RESIZE_BILINEAR": tflite.ResizeBilinearOptions,
    "ADD": tflite.AddOptions,
    "MUL": tflite.MulOptions,
}


@dataclass(frozen=True)
class Tensor:
    """One tensor: `shape` as the file says it (N, H, W, C for pictures); `constant` is None for computed values."""

    shape: tuple[int, ...]
    constant: NDArray[Any] | None


@dataclass(frozen=True)
class Operator:
    """One operator. `kind` is the schema's name, or `CUSTOM:name`; `options` the flatbuffer table of that kind."""

    kind: str
    inputs: tuple[int, ...]
    output: int
    options: Any
    custom_options: bytes


@dataclass(frozen=True)
class Graph:
    """The only subgraph of a model, with one input and one output."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    input: int
    output: int


def read(data: bytes) -> Graph:
    """The graph in `data`; ModelInvalid when it is not a TFLite model or not one graph with one input and output."""
    if data[4:8] != IDENTIFIER:
        raise ModelInvalid("the file is not a TFLite model")
    try:
        return _graph(tflite.Model.GetRootAs(data, 0))
    except (IndexError, ValueError, TypeError, AttributeError, UnicodeDecodeError, struct.error) as error:
        raise ModelInvalid(f"the TFLite file is damaged: {error}") from error


def _graph(model: Any) -> Graph:
    if model.SubgraphsLength() != 1:
        raise ModelInvalid(f"{model.SubgraphsLength()} subgraphs instead of one")
    graph = model.Subgraphs(0)
    if (graph.InputsLength(), graph.OutputsLength()) != (1, 1):
        raise ModelInvalid("more than one input or output")
    return Graph(
        tensors=tuple(_tensor(model, graph.Tensors(index)) for index in range(graph.TensorsLength())),
        operators=tuple(_operator(model, graph.Operators(index)) for index in range(graph.OperatorsLength())),
        input=int(graph.Inputs(0)),
        output=int(graph.Outputs(0)),
    )


def _tensor(model: Any, tensor: Any) -> Tensor:
    shape = tuple(int(tensor.Shape(axis)) for axis in range(tensor.ShapeLength()))
    buffer = model.Buffers(tensor.Buffer())
    if not buffer.DataLength():
        return Tensor(shape, None)
    dtype = CONSTANT_TYPES.get(tensor.Type())
    if dtype is None or tensor.Sparsity() is not None:
        raise ModelInvalid("a constant is quantised or sparse")
    values: NDArray[Any] = np.frombuffer(buffer.DataAsNumpy().tobytes(), dtype).reshape(shape)
    return Tensor(shape, values)


def _operator(model: Any, operator: Any) -> Operator:
    code = model.OperatorCodes(operator.OpcodeIndex())
    # Files of before 2020 have the number in a field of 8 bits; newer ones may have either.
    kind = OPERATOR_NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
    if kind == "CUSTOM":
        kind = f"CUSTOM:{code.CustomCode().decode()}"
    if operator.OutputsLength() != 1:
        raise ModelInvalid(f"{kind} with {operator.OutputsLength()} outputs")
    return Operator(
        kind=kind,
        inputs=tuple(int(operator.Inputs(index)) for index in range(operator.InputsLength())),
        output=int(operator.Outputs(0)),
        options=_options(kind, operator),
        custom_options=operator.CustomOptionsAsNumpy().tobytes() if operator.CustomOptionsLength() else b"",
    )


def _options(kind: str, operator: Any) -> Any:
    table, cls = operator.BuiltinOptions(), OPTIONS.get(kind)
    if table is None or cls is None:
        return None
    options = cls()
    options.Init(table.Bytes, table.Pos)
    activation = getattr(options, "FusedActivationFunction", None)
    if activation is not None and activation() != tflite.ActivationFunctionType.NONE:
        raise ModelInvalid(f"{kind} with a fused activation")
    return options
