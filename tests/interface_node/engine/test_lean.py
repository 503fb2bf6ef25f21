"""A small network is rewritten to do the same with less, and anything else is left alone."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper
from structlog.testing import capture_logs

from interface_node.engine.graph import Graph
from interface_node.engine.interface import ModelInput, ModelInterface, ModelOutput
from interface_node.engine.lean import lean, rewrite
from interface_node.engine.session import load
from interface_node.errors import DownloadFailed, ModelInvalid
from interface_node.models import catalogue, store
from tests.interface_node.engine import graphs

Numbers = NDArray[Any]
SIDE, CHANNELS = 16, 8
RANDOM = np.random.default_rng(11)
TWICE = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
CONSTANTS: dict[str, Numbers] = {
    "narrow": RANDOM.normal(size=(4, CHANNELS, 1, 1)),
    "wide": RANDOM.normal(size=(CHANNELS, CHANNELS, 1, 1)),
    "around": RANDOM.normal(size=(4, CHANNELS, 3, 3)),
    "few": RANDOM.normal(size=4),
    "many": RANDOM.normal(size=CHANNELS),
    "twice": np.array([1, 1, 2, 2]),
    "half more": np.array([1, 1, 1.5, 1.5]),
}


def node(kind: str, inputs: str, output: str, **attributes: Any) -> NodeProto:
    """`inputs` are names between commas."""
    return helper.make_node(kind, inputs.split(","), [output], **attributes)


def model(*nodes: NodeProto) -> onnx.ModelProto:
    """`image` and `small`, of half its sides, go in; `mask` comes out."""
    entries = [
        helper.make_tensor_value_info(name, graphs.FLOAT, [1, CHANNELS, side, side])
        for name, side in (("image", SIDE), ("small", SIDE // 2))
    ]
    kept = [numpy_helper.from_array(values.astype(np.float32), name) for name, values in CONSTANTS.items()]
    result = helper.make_tensor_value_info("mask", graphs.FLOAT, None)
    graph = helper.make_graph(list(nodes), "test", entries, [result], kept)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def answer(made: onnx.ModelProto) -> Numbers:
    """By onnxruntime, without anything that it does to graphs itself."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(2)
    shapes = {"image": SIDE, "small": SIDE // 2}
    feed = {name: random.normal(size=(1, CHANNELS, side, side)).astype(np.float32) for name, side in shapes.items()}
    taken = {value.name for value in session.get_inputs()}
    return np.asarray(session.run(None, {name: value for name, value in feed.items() if name in taken})[0])


ENLARGED = node("Resize", "small,,twice", "large", **TWICE)
CASES = {
    "channels are mixed before the picture is enlarged": (
        [ENLARGED, node("Conv", "large,narrow,few", "mask")],
        ["Conv", "Resize"],
    ),
    "the mean of a sum is taken of its parts, and of the smaller picture": (
        [ENLARGED, node("Add", "image,large", "sum"), node("GlobalAveragePool", "sum", "mask")],
        ["Add", "GlobalAveragePool", "GlobalAveragePool"],
    ),
    "the mean is taken before channels are mixed": (
        [node("Conv", "image,narrow,few", "mixed"), node("GlobalAveragePool", "mixed", "mask")],
        ["Conv", "GlobalAveragePool"],
    ),
    "channels are mixed once": (
        [node("Conv", "image,wide,many", "mixed"), node("Conv", "mixed,narrow", "mask")],
        ["Conv"],
    ),
    "parts of a sum are mixed alone where one is enlarged": (
        [ENLARGED, node("Add", "large,image", "sum"), node("Conv", "sum,narrow,few", "mask")],
        ["Add", "Conv", "Conv", "Resize"],
    ),
    "a number for each channel is spread over the picture": (
        [node("GlobalAveragePool", "image", "mean"), node("Mul", "mean,image", "mask")],
        ["GlobalAveragePool", "Mul", "Resize"],
    ),
}
LEFT_ALONE = {
    "neighbours count": [ENLARGED, node("Conv", "large,around,few", "mask")],
    "somebody else needs what is enlarged": [
        ENLARGED,
        node("Conv", "large,wide,many", "mixed"),
        node("Add", "mixed,large", "mask"),
    ],
    "factors are not whole": [
        node("Resize", "small,,half more", "large", **TWICE),
        node("GlobalAveragePool", "large", "mask"),
    ],
    "pixels are repeated from a corner": [
        node("Resize", "small,,twice", "large", mode="linear", coordinate_transformation_mode="asymmetric"),
        node("GlobalAveragePool", "large", "mask"),
    ],
    "a step leaves pixels out": [ENLARGED, node("Conv", "large,narrow,few", "mask", strides=[2, 2])],
    "nothing is enlarged": [node("Add", "image,image", "sum"), node("Conv", "sum,narrow,few", "mask")],
}


@pytest.mark.parametrize("case", CASES)
def test_the_numbers_stay_where(case: str) -> None:
    nodes, kinds = CASES[case]
    before = model(*nodes)
    graph = Graph.of(before)
    assert rewrite(graph) > 0
    after = graph.model()
    assert sorted(one.op_type for one in after.graph.node) == kinds
    assert np.allclose(answer(before), answer(after), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", LEFT_ALONE)
def test_a_graph_is_left_alone_where(case: str) -> None:
    assert rewrite(Graph.of(model(*LEFT_ALONE[case]))) == 0


def test_the_default_model_says_the_same_and_no_picture_is_enlarged_before_its_channels_are_mixed(
    cache: Path, selfie_path: Path
) -> None:
    interface = catalogue.find(cache, "selfie").interface
    data = lean(selfie_path, interface)
    assert data is not None
    before, after = onnx.load(str(selfie_path)), onnx.load_model_from_string(data)
    assert (
        Counter(one.op_type for one in after.graph.node)["Mul"]
        == Counter(one.op_type for one in before.graph.node)["Mul"]
    )
    noise = np.random.default_rng(3).random((1, 3, 256, 256), np.float32)
    said = [
        ort.InferenceSession(one.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"image": noise})[0]
        for one in (before, after)
    ]
    assert np.abs(said[0] - said[1]).max() < 1e-5


def described(**changes: object) -> ModelInterface:
    entry = ModelInput.model_validate({"name": "image", "width": SIDE, "height": SIDE, **changes})
    return ModelInterface(input=entry, output=ModelOutput())


def network(path: Path, height: int | str = "height", wild: bool = False) -> Path:
    """A picture that is halved, enlarged and mixed; `wild` answers are made of the last bits of that."""
    nodes = [
        graphs.constant("mix", np.ones((1, 3, 1, 1))),
        helper.make_node("Constant", [], ["factors"], value_floats=[1.0, 1.0, 2.0, 2.0]),
        node("AveragePool", "image", "half", kernel_shape=[2, 2], strides=[2, 2]),
        node("Resize", "half,,factors", "large", **TWICE), node("Conv", "large,mix", "mixed" if wild else "mask"),
    ]  # fmt: skip
    if wild:
        nodes += [graphs.constant("far", 1e9), node("Mul", "mixed,far", "wild"), node("Sin", "wild", "mask")]
    sides = (1, 3, height, "width")
    return graphs.save(path, nodes, {"image": (graphs.FLOAT, sides)}, {"mask": (graphs.FLOAT, None)})


def test_constants_that_are_nodes_are_constants(tmp_path: Path) -> None:
    path = network(tmp_path / "m.onnx")
    data = lean(path, described())
    assert data is not None
    assert [one.op_type for one in onnx.load_model_from_string(data).graph.node] == ["AveragePool", "Conv", "Resize"]
    picture = np.random.default_rng(4).random((3, SIDE, SIDE), np.float32) / np.float32(3)
    plain = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"image": picture[None]})[0]
    assert np.abs(load(path, described(), "cpu").segmenter().alpha(picture) - plain[0, 0]).max() < 1e-5


def test_what_says_something_else_when_it_is_rewritten_runs_as_it_is(tmp_path: Path) -> None:
    path = network(tmp_path / "m.onnx", wild=True)
    assert lean(path, described()) is not None
    picture = np.random.default_rng(4).random((3, SIDE, SIDE), np.float32)
    plain = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"image": picture[None]})[0]
    with capture_logs() as told:
        loaded = load(path, described(), "cpu")
    assert [line["event"] for line in told] == ["lean_model_differs"]
    assert np.array_equal(loaded.segmenter().alpha(picture), np.clip(plain[0, 0], 0, 1))


def certain(path: Path, brightest: float) -> Path:
    """A network that finds nothing in any picture as bright as `brightest` in the mean, and in darker ones what a
    rewritten form has otherwise."""
    nodes = [
        graphs.constant("mix", np.ones((1, 3, 1, 1))), graphs.constant("third", np.full((1, 3, 1, 1), 1 / 3)),
        graphs.constant("limit", brightest), graphs.constant("steep", 1e4), graphs.constant("far", 1e9),
        graphs.constant("zero", 0.0), graphs.constant("one", 1.0),
        helper.make_node("Constant", [], ["factors"], value_floats=[1.0, 1.0, 2.0, 2.0]),
        node("AveragePool", "image", "half", kernel_shape=[2, 2], strides=[2, 2]),
        node("Resize", "half,,factors", "large", **TWICE), node("Conv", "large,mix", "mixed"),
        node("Mul", "mixed,far", "wild"), node("Sin", "wild", "waves"),
        node("GlobalAveragePool", "image", "mean"), node("Conv", "mean,third", "light"),
        node("Sub", "limit,light", "darker"), node("Mul", "darker,steep", "much"),
        node("Clip", "much,zero,one", "gate"), node("Mul", "waves,gate", "mask"),
    ]  # fmt: skip
    return graphs.save(path, nodes, {"image": (graphs.FLOAT, (1, 3, SIDE, SIDE))}, {"mask": (graphs.FLOAT, None)})


@pytest.mark.parametrize("brightest", [0.45, 0.1], ids=["noise", "all"])
def test_a_network_whose_answers_hide_a_difference_runs_as_it_is(tmp_path: Path, brightest: float) -> None:
    path = certain(tmp_path / "m.onnx", brightest)
    assert lean(path, described()) is not None
    with capture_logs() as told:
        loaded = load(path, described(), "cpu")
    assert [line["event"] for line in told] == ["lean_model_differs"]
    picture = np.random.default_rng(4).random((3, SIDE, SIDE), np.float32) / np.float32(20)
    plain = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"image": picture[None]})[0]
    assert np.array_equal(loaded.segmenter().alpha(picture), np.clip(plain[0, 0], 0, 1))


@pytest.mark.parametrize("name", ["selfie", "selfie-wide", "selfie-tall"])
def test_the_default_models_run_in_their_lean_form(cache: Path, name: str) -> None:
    manifest = catalogue.find(cache, name)
    try:
        path = store.pull(cache, manifest)
    except DownloadFailed as error:
        pytest.skip(f"THE MODEL CANNOT BE HAD: {error.detail}")
    with capture_logs() as told:
        load(path, manifest.interface, "cpu")
    assert told == []


def unusual(path: Path, *nodes: NodeProto) -> Path:
    """A network that could be rewritten, with `nodes` between its last convolution, `mixed`, and `mask`."""
    before = [
        graphs.constant("mix", np.full((1, 3, 1, 1), 1 / 3)),
        helper.make_node("Constant", [], ["factors"], value_floats=[1.0, 1.0, 2.0, 2.0]),
        node("AveragePool", "image", "half", kernel_shape=[2, 2], strides=[2, 2]),
        node("Resize", "half,,factors", "large", **TWICE), node("Conv", "large,mix", "mixed"),
    ]  # fmt: skip
    sides = (1, 3, SIDE, SIDE)
    return graphs.save(path, [*before, *nodes], {"image": (graphs.FLOAT, sides)}, {"mask": (graphs.FLOAT, None)})


GRU = [
    graphs.constant("sequence", [SIDE, 1, SIDE], np.int64),
    graphs.constant("in", RANDOM.normal(size=(1, 12, SIDE))), graphs.constant("on", RANDOM.normal(size=(1, 12, 4))),
    node("Reshape", "mixed,sequence", "rows"),
    helper.make_node("GRU", ["rows", "in", "on", "", "", ""], ["", "last"], hidden_size=4),
    node("ReduceMean", "last", "seen", keepdims=0), node("Mul", "mixed,seen", "weighed"),
    node("Sigmoid", "weighed", "mask"),
]  # fmt: skip
NO_AXES = [
    helper.make_node("Constant", [], ["axes"], value=numpy_helper.from_array(np.zeros(0, np.int64))),
    node("ReduceSum", "mixed,axes", "mask", keepdims=1, noop_with_empty_axes=1),
]


def test_inputs_and_outputs_that_are_left_out_are_no_tensors(tmp_path: Path) -> None:
    path = unusual(tmp_path / "m.onnx", *GRU)
    data = lean(path, described())
    assert data is not None
    assert [list(one.output) for one in onnx.load_model_from_string(data).graph.node if one.op_type == "GRU"] == [
        ["", "last"]
    ]
    with capture_logs() as told:
        load(path, described(), "cpu")
    assert told == []


def test_a_network_that_cannot_be_written_again_runs_as_it_is(tmp_path: Path) -> None:
    path = unusual(tmp_path / "m.onnx", *NO_AXES)
    made = onnx.load(str(path))
    (axes,) = (one for one in made.graph.node if list(one.output) == ["axes"])
    axes.ClearField("attribute")
    axes.attribute.add(name="value_ints", type=onnx.AttributeProto.INTS)
    onnx.save(made, str(path))
    with capture_logs() as told:
        loaded = load(path, described(), "cpu")
    assert [line["event"] for line in told] == ["lean_model_failed"]
    picture = np.random.default_rng(4).random((3, SIDE, SIDE), np.float32)
    plain = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"image": picture[None]})[0]
    assert np.array_equal(loaded.segmenter().alpha(picture), plain[0, 0])


def test_a_graph_that_goes_in_a_circle_is_nobodys_lean_form(tmp_path: Path) -> None:
    circle = [node("Add", "mixed,later", "sooner"), node("Relu", "sooner", "later"), node("Relu", "later", "mask")]
    path = unusual(tmp_path / "m.onnx", *circle)
    assert lean(path, described()) is None
    with pytest.raises(ModelInvalid, match=r"m\.onnx cannot be loaded"):
        load(path, described(), "cpu")


def test_files_that_are_large_or_free_or_other_than_their_manifest_are_left_alone(tmp_path: Path) -> None:
    path = network(tmp_path / "m.onnx")
    assert lean(path, described(resize="free")) is None
    assert lean(path, described(name="picture")) is None
    assert lean(network(tmp_path / "other.onnx", height=SIDE * 2), described()) is None
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a model")
    assert lean(broken, described()) is None
