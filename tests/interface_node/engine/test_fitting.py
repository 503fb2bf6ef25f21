"""A frame keeps its shape where the manifest wants it to."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from onnx import helper

from interface_node.engine.fitting import Fitted, fitted
from interface_node.engine.interface import ModelInput, ModelInterface, ModelOutput, fit
from interface_node.engine.session import load
from interface_node.errors import ModelInvalid
from tests.fakes.segmenters import Halves
from tests.interface_node.engine import graphs
from tests.interface_node.engine.graphs import FLOAT

Resize = Literal["stretch", "pad", "free"]


def entry(resize: Resize, multiple: int = 1, width: int = 96, height: int = 64) -> ModelInput:
    return ModelInput(name="image", width=width, height=height, resize=resize, multiple=multiple, mean=(0.5, 0, 0))


@pytest.mark.parametrize(
    ("resize", "frame", "expected"),
    [
        ("stretch", (100, 100), Fitted((96, 64), (96, 64))),
        ("pad", (100, 100), Fitted((64, 64), (96, 64), (16, 0))),
        ("pad", (1920, 1080), Fitted((96, 54), (96, 64), (0, 5))),
        ("pad", (8192, 16), Fitted((96, 2), (96, 64), (0, 31))),
        ("free", (1920, 1080), Fitted((112, 64), (112, 64))),
        ("free", (1080, 1920), Fitted((64, 112), (64, 112))),
        ("free", (100, 100), Fitted((80, 80), (80, 80))),
        ("free", (8192, 16), Fitted((1776, 16), (1776, 16))),
    ],
)
def test_a_frame_becomes_a_picture(resize: Resize, frame: tuple[int, int], expected: Fitted) -> None:
    assert fitted(entry(resize, 16), frame) == expected


def test_frames_of_unknown_shape_are_stretched() -> None:
    assert {fitted(entry(resize), None) for resize in ("stretch", "pad", "free")} == {Fitted((96, 64), (96, 64))}


def model(path: Path, free: bool) -> Path:
    """Its mask is red, half as large."""
    sides: tuple[int | str, ...] = (1, 3, "h", "w") if free else (1, 3, 64, 96)
    nodes = [
        graphs.constant("zero", [0], np.int64),
        helper.make_node("Gather", ["image", "zero"], ["red"], axis=1),
        helper.make_node("AveragePool", ["red"], ["mask"], kernel_shape=[2, 2], strides=[2, 2]),
    ]
    return graphs.save(path, nodes, {"image": (FLOAT, sides)}, {"mask": (FLOAT, None)})


def test_padding_reaches_the_model_as_black_and_is_cut_off_its_mask(tmp_path: Path) -> None:
    interface = ModelInterface(input=entry("pad"), output=ModelOutput(name="mask"))
    stream = load(model(tmp_path / "m.onnx", free=False), interface, "cpu").segmenter()
    fit(stream, 200, 200)
    assert stream.size == (64, 64)
    picture = np.full((3, 64, 64), 0.75, np.float32)
    mask = stream.alpha(picture)
    assert mask.shape == (64, 64)
    assert np.allclose(mask[:, 1:-1], 0.25)
    assert mask[:, 0].max() < 0.25, "the edge was mixed with what is outside"


def test_free_sides_follow_the_frame(tmp_path: Path) -> None:
    interface = ModelInterface(input=entry("free", 16), output=ModelOutput(name="mask"))
    stream = load(model(tmp_path / "m.onnx", free=True), interface, "cpu").segmenter()
    fit(stream, 720, 1280)
    assert stream.size == (64, 112)
    assert np.allclose(stream.alpha(np.full((3, 112, 64), 0.75, np.float32)), np.full((112, 64), 0.25))


def test_a_graph_with_fixed_sides_cannot_be_free(tmp_path: Path) -> None:
    interface = ModelInterface(input=entry("free"), output=ModelOutput(name="mask"))
    with pytest.raises(ModelInvalid, match=r"image float\[1, 3, 64, 96\] has fixed sides"):
        load(model(tmp_path / "m.onnx", free=False), interface, "cpu")


def test_a_segmenter_that_does_not_care_is_left_alone() -> None:
    fake = Halves((64, 64))
    fit(fake, 720, 1280)
    assert fake.size == (64, 64)
