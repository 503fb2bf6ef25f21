"""Small networks rewritten so that they move less memory. The mask is the same, to rounding.

In a small network arithmetic is the lesser part of the time. The rules here let convolutions work before a picture is
enlarged and not after, let means be taken of small pictures, and keep everything in the layout in which onnxruntime's
convolutions work: it leaves that layout, and copies each tensor twice, wherever one number scales a whole channel.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from interface_node.engine.graph import Graph, Node
from interface_node.engine.interface import ModelInterface
from interface_node.engine.signature import picture_shape

MOST_BYTES: Final = 4_000_000
"""Of a file: in larger networks arithmetic is nearly all of the time, and reading them twice is not free."""
LEAST_OPSET: Final = 13
"""Older graphs say some things otherwise."""
Rule = Callable[[Graph, Node], bool]


def lean(path: Path, interface: ModelInterface) -> bytes | None:
    """The network in `path` for pictures of the manifest's size; None where nothing is to be gained, or where the file
    is not what a manifest should name: whoever loads it as it is says why."""
    if interface.states or interface.input.resize == "free" or path.stat().st_size > MOST_BYTES:
        return None
    try:
        model = onnx.load_model_from_string(path.read_bytes())
        if _opset(model) < LEAST_OPSET or not _fix_sides(model, interface):
            return None
        graph = Graph.of(model)
    except Exception:  # noqa: BLE001 protobuf's own class comes without types
        return None
    if not rewrite(graph):
        return None
    return bytes(graph.model().SerializeToString())


def rewrite(graph: Graph) -> int:
    """Apply rules until none fits; how often one did."""
    count, before = 0, -1
    while count > before:
        before = count
        for node in list(graph.nodes):
            if graph.maker(node.output) is node and any(rule(graph, node) for rule in RULES.get(node.kind, ())):
                graph.settle()
                count += 1
    return count


def _opset(model: onnx.ModelProto) -> int:
    return next((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), 0)


def _fix_sides(model: onnx.ModelProto, interface: ModelInterface) -> bool:
    """Whether the picture's sides are those of the manifest, now or anyway."""
    constants = {tensor.name for tensor in model.graph.initializer}
    if any(value.name in constants for value in model.graph.input):
        return False  # defaults that a caller may replace
    found = [value for value in model.graph.input if value.name == interface.input.name]
    wanted = picture_shape(interface.input, interface.input.size)
    if len(found) != 1 or len(found[0].type.tensor_type.shape.dim) != len(wanted):
        return False
    for side, length in zip(found[0].type.tensor_type.shape.dim, wanted, strict=True):
        if side.dim_value not in (0, length):
            return False
        side.dim_value = length
    for value in model.graph.output:  # sides with names would contradict those that follow from the picture's
        value.type.tensor_type.ClearField("shape")
    return True


def _conv_before_resize(graph: Graph, node: Node) -> bool:
    """A weighted mean of pixels whose weights sum up to one may be taken before or after channels are mixed."""
    resize = graph.maker(node.inputs[0])
    if not _mixes(graph, node) or not _enlarges(graph, resize) or not graph.has_one_taker(node.inputs[0]):
        return False
    assert resize is not None
    small = graph.shape(resize.inputs[0])
    mixed = graph.tensor((small[0], graph.constants[node.inputs[1]].shape[0], *small[2:]))
    graph.replace(node, Node("Conv", [resize.inputs[0], *node.inputs[1:]], [mixed], node.attributes))
    graph.replace(resize, Node("Resize", [mixed, *resize.inputs[1:]], node.outputs, resize.attributes))
    return True


def _mean_of_parts(graph: Graph, node: Node) -> bool:
    """The mean of a sum is the sum of the means."""
    total = graph.maker(node.inputs[0])
    if not _adds_alike(graph, total):
        return False
    assert total is not None
    means = [graph.tensor(graph.shape(node.output)) for _ in total.inputs]
    pools = [Node(node.kind, [part], [mean], {}) for part, mean in zip(total.inputs, means, strict=True)]
    graph.replace(node, *pools, Node("Add", means, node.outputs, {}))
    return True


def _mean_before_resize(graph: Graph, node: Node) -> bool:
    """Enlarged by whole factors, every pixel has the same share of the whole."""
    resize = graph.maker(node.inputs[0])
    if not _enlarges(graph, resize):
        return False
    assert resize is not None
    graph.replace(node, Node(node.kind, resize.inputs[:1], node.outputs, {}))
    return True


def _mean_before_conv(graph: Graph, node: Node) -> bool:
    """Mixed channels of the mean are the mean of mixed channels."""
    conv = graph.maker(node.inputs[0])
    if conv is None or not _mixes(graph, conv):
        return False
    before = graph.shape(conv.inputs[0])
    if len(before) != 4:
        return False
    mean = graph.tensor((*before[:2], 1, 1))
    pool = Node(node.kind, conv.inputs[:1], [mean], {})
    graph.replace(node, pool, Node("Conv", [mean, *conv.inputs[1:]], node.outputs, conv.attributes))
    return True


def _two_convs_in_one(graph: Graph, node: Node) -> bool:
    """Mixing twice is mixing once, where that is less work."""
    first = graph.maker(node.inputs[0])
    if first is None or not _mixes(graph, node) or not _mixes(graph, first) or not graph.has_one_taker(node.inputs[0]):
        return False
    inner, outer = _weights(graph, first), _weights(graph, node)
    if inner.shape[1] * outer.shape[0] > inner.size + outer.size:
        return False
    bias = outer @ _bias(graph, first) + _bias(graph, node)
    weights = graph.constant((outer @ inner)[:, :, None, None])
    graph.replace(node, Node("Conv", [first.inputs[0], weights, graph.constant(bias)], node.outputs, node.attributes))
    return True


def _conv_of_parts(graph: Graph, node: Node) -> bool:
    """Of a sum with an enlarged part each is mixed alone, so that the one can be mixed while it is small; the sum costs
    nothing, as onnxruntime's convolutions can begin with another tensor instead of zero."""
    total = graph.maker(node.inputs[0])
    if not _mixes(graph, node) or not _adds_alike(graph, total) or not graph.has_one_taker(node.inputs[0]):
        return False
    assert total is not None
    large = [name for name in total.inputs if _enlarges(graph, graph.maker(name)) and graph.has_one_taker(name)]
    if len(large) != 1:
        return False
    (other,) = (name for name in total.inputs if name != large[0])
    parts = [graph.tensor(graph.shape(node.output)) for _ in total.inputs]
    graph.replace(
        node,
        Node("Conv", [other, node.inputs[1]], parts[:1], node.attributes),
        Node("Conv", [large[0], *node.inputs[1:]], parts[1:], node.attributes),
        Node("Add", parts, node.outputs, {}),
    )
    return True


def _scale_in_full(graph: Graph, node: Node) -> bool:
    """One number for each channel, spread over the picture before it is multiplied with."""
    for name, other in (node.inputs, node.inputs[::-1]):
        few, many = graph.shape(name), graph.shape(other)
        if len(few) == len(many) == 4 and few == (*many[:2], 1, 1) != many and graph.maker(name) is not None:
            spread = graph.tensor(many)
            factors = graph.constant(np.array([1, 1, *many[2:]]))
            how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            graph.replace(
                node, Node("Resize", [name, "", factors], [spread], how), Node("Mul", [other, spread], node.outputs, {})
            )
            return True
    return False


RULES: Final[dict[str, tuple[Rule, ...]]] = {
    "Conv": (_conv_before_resize, _two_convs_in_one, _conv_of_parts),
    "GlobalAveragePool": (_mean_of_parts, _mean_before_resize, _mean_before_conv),
    "Mul": (_scale_in_full,),
}


def _mixes(graph: Graph, node: Node) -> bool:
    """A convolution that looks at one pixel only, with constant weights."""
    if node.kind != "Conv" or not set(node.inputs[1:]) <= graph.constants.keys():
        return False
    told = node.attributes
    plain = told.get("group", 1) == 1 and set(told.get("strides", ())) <= {1} and set(told.get("pads", ())) <= {0}
    return plain and graph.constants[node.inputs[1]].shape[2:] == (1, 1)


def _enlarges(graph: Graph, node: Node | None) -> bool:
    """A picture that is made larger by whole factors, linearly, its borders repeated."""
    if node is None or node.kind != "Resize" or len(node.inputs) != 3 or node.inputs[2] not in graph.constants:
        return False
    told, factors = node.attributes, graph.constants[node.inputs[2]]
    linear = told.get("mode") == b"linear" and not told.get("antialias") and "axes" not in told
    centred = told.get("coordinate_transformation_mode", b"half_pixel") == b"half_pixel"
    whole = factors.shape == (4,) and tuple(factors[:2]) == (1, 1) and bool((factors[2:] % 1 == 0).all())
    return linear and centred and whole and len(graph.shape(node.inputs[0])) == 4


def _adds_alike(graph: Graph, node: Node | None) -> bool:
    """Two pictures of one shape, other than a tensor and itself."""
    if node is None or node.kind != "Add" or node.inputs[0] == node.inputs[1]:
        return False
    one, other = (graph.shape(name) for name in node.inputs)
    return len(one) == 4 and one == other


def _weights(graph: Graph, conv: Node) -> NDArray[np.float64]:
    return np.asarray(graph.constants[conv.inputs[1]][:, :, 0, 0], np.float64)


def _bias(graph: Graph, conv: Node) -> NDArray[np.float64]:
    outputs = graph.constants[conv.inputs[1]].shape[0]
    return np.asarray(graph.constants[conv.inputs[2]] if len(conv.inputs) > 2 else np.zeros(outputs), np.float64)
