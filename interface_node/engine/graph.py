"""An ONNX graph that can be changed: who makes a tensor, who takes it, what shape it has."""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from interface_node.engine.shapes import Shape, shape_of

Constant = NDArray[Any]
OMITTED: Final = ""
"""What ONNX calls each input that is not given and each output that is not wanted: no tensor."""


@dataclass(eq=False)
class Node:
    """One operator with one or more outputs; texts among the attributes are bytes, as ONNX has them."""

    kind: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]
    domain: str = ""

    @property
    def output(self) -> str:
        """The first, mostly the only one."""
        return self.outputs[0]


class Graph:
    """Nodes in no order, constants by name, shapes where every side is known."""

    def __init__(self, model: onnx.ModelProto, nodes: list[Node]) -> None:
        self._model = model
        self.constants: dict[str, Constant] = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        self.constants |= {node.output: value for node in nodes if (value := _constant_of(node)) is not None}
        self.nodes = [node for node in nodes if node.output not in self.constants]
        self._shapes = {value.name: shape for value in model.graph.input if (shape := _shape_of(value))}
        self._results = {value.name for value in model.graph.output}
        self._made = 0
        self._makers: dict[str, Node] = {}
        self._takers: dict[str, list[Node]] = {}
        self.settle()

    @classmethod
    def of(cls, model: onnx.ModelProto) -> Self:
        """The graph of a model whose inputs have fixed sides; ValueError where a node has a graph of its own, or needs
        what it makes."""
        found = cls(model, [_node_of(node) for node in model.graph.node])
        for node in found._ordered():
            known = shape_of(node.kind, node.inputs, node.attributes, found._shapes, found.constants)
            found._shapes[node.output] = known
        return found

    def settle(self) -> None:
        """After a change: nodes that nobody needs any more are gone, the others know each other."""
        self._makers = {name: node for node in self.nodes for name in node.outputs if name != OMITTED}
        needed: set[int] = set()
        open_ends = [self._makers[name] for name in self._results if name in self._makers]
        while open_ends:
            node = open_ends.pop()
            if id(node) not in needed:
                needed.add(id(node))
                open_ends += [self._makers[name] for name in node.inputs if name in self._makers]
        self.nodes = [node for node in self.nodes if id(node) in needed]
        self._takers = {}
        for node in self.nodes:
            for name in node.inputs:
                self._takers.setdefault(name, []).append(node)

    def maker(self, name: str) -> Node | None:
        """Who makes a tensor; None for inputs and constants."""
        return self._makers.get(name)

    def has_one_taker(self, name: str) -> bool:
        """Whether nobody else would miss it."""
        return len(self._takers.get(name, ())) == 1 and name not in self._results

    def shape(self, name: str) -> Shape:
        """Empty where it is not known."""
        return self._shapes.get(name, ())

    def tensor(self, shape: Shape) -> str:
        """The name of a new tensor."""
        name = self._new_name()
        self._shapes[name] = shape
        return name

    def constant(self, values: Constant) -> str:
        """The name of a new constant, float32."""
        name = self._new_name()
        self.constants[name] = np.ascontiguousarray(values, np.float32)
        return name

    def replace(self, old: Node, *new: Node) -> None:
        """Put nodes where one was; the last makes what it made."""
        self.nodes.remove(old)
        self.nodes += new

    def model(self) -> onnx.ModelProto:
        """The model as it is now."""
        made = onnx.ModelProto()
        made.CopyFrom(self._model)
        graph = made.graph
        for field in ("node", "initializer", "value_info"):
            graph.ClearField(field)
        graph.node.extend(
            helper.make_node(node.kind, node.inputs, node.outputs, domain=node.domain, **node.attributes)
            for node in self._ordered()
        )
        used = (name for name in self.constants if name in self._takers)
        graph.initializer.extend(numpy_helper.from_array(self.constants[name], name) for name in used)
        return made

    def _new_name(self) -> str:
        self._made += 1
        return f"lean_{self._made}"

    def _ordered(self) -> list[Node]:
        ordered: list[Node] = []
        left = self.nodes
        waiting = {name for node in left for name in node.outputs if name != OMITTED}
        while left:
            ready = [node for node in left if waiting.isdisjoint(node.inputs)]
            if not ready:
                raise ValueError("the graph goes in a circle")
            ordered += ready
            waiting.difference_update(name for node in ready for name in node.outputs)
            done = set(map(id, ready))
            left = [node for node in left if id(node) not in done]
        return ordered


def _node_of(node: onnx.NodeProto) -> Node:
    attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    if any(one.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for one in node.attribute):
        raise ValueError(f"{node.op_type} has a graph of its own, which may take tensors unseen")
    return Node(node.op_type, list(node.input), list(node.output), attributes, node.domain)


def _constant_of(node: Node) -> Constant | None:
    """The value of a node that is one, as exporters write them."""
    if node.kind != "Constant":
        return None
    if isinstance(value := node.attributes.get("value"), onnx.TensorProto):
        return numpy_helper.to_array(value)
    floats = node.attributes.get("value_floats")
    return None if floats is None else np.array(floats, np.float32)


def _shape_of(value: onnx.ValueInfoProto) -> Shape:
    sides = tuple(side.dim_value for side in value.type.tensor_type.shape.dim)
    return sides if all(sides) else ()
