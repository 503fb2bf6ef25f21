"""A file that is not what its manifest says is refused at load, and the error names what is wrong."""

from pathlib import Path
from typing import Literal

import pytest
from onnx import helper

from interface_node.engine.interface import ModelInput, ModelInterface, ModelOutput, ModelState
from interface_node.engine.session import load
from interface_node.errors import ModelInvalid
from tests.interface_node.engine import graphs
from tests.interface_node.engine.graphs import FLOAT, HALF

SIDES = (1, 3, 16, 16)
INT64 = 7


def described(
    name: str = "image",
    output: str | None = "mask",
    layout: Literal["nchw", "nhwc"] = "nchw",
    dtype: Literal["float32", "float16"] = "float32",
) -> ModelInterface:
    entry = ModelInput(name=name, width=16, height=16, layout=layout, dtype=dtype)
    return ModelInterface(input=entry, output=ModelOutput(name=output))


def small(path: Path, kind: int = FLOAT, shape: tuple[int | str, ...] = SIDES, opset: int = 17) -> Path:
    nodes = [helper.make_node("Identity", ["image"], ["mask"])]
    return graphs.save(path, nodes, {"image": (kind, shape)}, {"mask": (kind, shape)}, opset)


def refusal(path: Path, interface: ModelInterface) -> str:
    with pytest.raises(ModelInvalid) as raised:
        load(path, interface, "cpu")
    return raised.value.detail


def test_a_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "m.onnx", described()) == "m.onnx is not there"


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"not a model")
    assert "m.onnx cannot be loaded" in refusal(path, described())


def test_operators_of_a_version_that_onnxruntime_does_not_know(tmp_path: Path) -> None:
    detail = refusal(small(tmp_path / "m.onnx", opset=99), described())
    assert "m.onnx cannot be loaded" in detail
    assert "opset" in detail.lower()


def test_other_names_of_inputs(tmp_path: Path) -> None:
    detail = refusal(small(tmp_path / "m.onnx"), described("picture"))
    assert detail == "the model's inputs are ['image'], its manifest names ['picture']"


def test_an_input_that_the_manifest_forgot(tmp_path: Path) -> None:
    nodes = [helper.make_node("Mul", ["image", "ratio"], ["mask"])]
    path = graphs.save(
        tmp_path / "m.onnx", nodes, {"image": (FLOAT, SIDES), "ratio": (FLOAT, [1])}, {"mask": (FLOAT, None)}
    )
    assert "inputs are ['image', 'ratio'], its manifest names ['image']" in refusal(path, described())


def test_another_name_of_the_output(tmp_path: Path) -> None:
    detail = refusal(small(tmp_path / "m.onnx"), described(output="alpha"))
    assert detail == "the model's outputs are ['mask'], its manifest names ['alpha']"


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        ((1, 3, 32, 32), "nchw"),
        ((1, 1, 16, 16), "nchw"),
        ((4, 3, 16, 16), "nchw"),
        ((3, 16, 16), "nchw"),
        ((1, 3, 16, 16), "nhwc"),
        (("n", 3, "h", 32), "nchw"),
    ],
)
def test_a_picture_of_another_shape(
    tmp_path: Path, shape: tuple[int | str, ...], layout: Literal["nchw", "nhwc"]
) -> None:
    detail = refusal(small(tmp_path / "m.onnx", shape=shape), described(layout=layout))
    assert detail.startswith("the input image float[")
    assert "is fed [1, " in detail


@pytest.mark.parametrize(("kind", "dtype"), [(HALF, "float32"), (FLOAT, "float16")])
def test_a_picture_of_another_dtype(tmp_path: Path, kind: int, dtype: Literal["float32", "float16"]) -> None:
    assert f"is fed {dtype} by its manifest" in refusal(small(tmp_path / "m.onnx", kind), described(dtype=dtype))


def test_a_mask_of_whole_numbers(tmp_path: Path) -> None:
    nodes = [helper.make_node("ArgMax", ["image"], ["mask"], axis=1)]
    path = graphs.save(tmp_path / "m.onnx", nodes, {"image": (FLOAT, SIDES)}, {"mask": (INT64, (1, 1, 16, 16))})
    assert refusal(path, described()) == "mask int64[1, 1, 16, 16] is no mask: it must have float numbers"


def test_a_mask_of_several_channels(tmp_path: Path) -> None:
    detail = refusal(small(tmp_path / "m.onnx"), described())
    assert detail == "the model's output is [1, 3, 16, 16], not a mask of one channel"


def test_a_state_that_cannot_begin_as_the_manifest_says(tmp_path: Path) -> None:
    path = graphs.recurrent(tmp_path / "m.onnx")
    states = tuple(ModelState(input=f"r{n}i", output=f"r{n}o", shape=(1, 1)) for n in range(1, 5))
    interface = described("src", "pha").model_copy(update={"states": states, "constants": {"downsample_ratio": 1.0}})
    assert "r1i float[batch_size, channels, height, width] does not begin as zeros of [1, 1]" in refusal(
        path, interface
    )


def test_a_constant_for_an_input_of_several_numbers(tmp_path: Path) -> None:
    nodes = [helper.make_node("Mul", ["image", "ratio"], ["mask"])]
    path = graphs.save(
        tmp_path / "m.onnx", nodes, {"image": (FLOAT, SIDES), "ratio": (FLOAT, [16])}, {"mask": (FLOAT, None)}
    )
    interface = described().model_copy(update={"constants": {"ratio": 1.0}})
    assert "ratio float[16] is no input of one number" in refusal(path, interface)


def test_a_graph_that_breaks_while_it_runs(tmp_path: Path) -> None:
    nodes = [graphs.constant("shape", [1, 1, 7, 7], "int64"), helper.make_node("Reshape", ["image", "shape"], ["mask"])]
    path = graphs.save(
        tmp_path / "m.onnx", nodes, {"image": (FLOAT, ("n", 3, "h", "w"))}, {"mask": (FLOAT, (1, 1, 7, 7))}
    )
    assert "the model does not run" in refusal(path, described())


def test_a_model_that_answers_with_no_numbers(tmp_path: Path) -> None:
    nodes = [*graphs.person("image", "logit"), helper.make_node("Sub", ["logit", "logit"], ["zero"])]
    nodes.append(helper.make_node("Div", ["zero", "zero"], ["mask"]))
    path = graphs.save(tmp_path / "m.onnx", nodes, {"image": (FLOAT, SIDES)}, {"mask": (FLOAT, (1, 1, 16, 16))})
    assert "something that is no number" in refusal(path, described())
