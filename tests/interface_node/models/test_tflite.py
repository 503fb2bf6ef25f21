"""Our conversion computes what the original file computes, as its own runtime says."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
import tflite as schema
from numpy.typing import NDArray

from interface_node.engine.session import ModelSession, load
from interface_node.errors import ModelInvalid
from interface_node.models import catalogue, tflite
from interface_node.pipeline.container import open_media, video_stream
from tests.interface_node.conftest import SHARED

Mask = NDArray[np.float32]
FRAMES = 40


@pytest.fixture(scope="module")
def pictures(sample_clip: Path) -> list[Mask]:
    """Real frames as the model takes them: `float32 [3, 256, 256]`, 0..1."""
    with open_media(sample_clip) as container:
        frames = [frame.reformat(256, 256, "rgb24") for frame in container.decode(video_stream(container))]
    return [(frame.to_ndarray() / 255).transpose(2, 0, 1).astype(np.float32) for frame in frames[:FRAMES]]


def test_the_masks_of_real_frames_are_those_of_the_original_runtime(
    selfie: ModelSession, oracle: Callable[[Mask], Mask], pictures: list[Mask]
) -> None:
    stream = selfie.segmenter()
    ours, theirs = (np.stack([mask(picture) for picture in pictures]) for mask in (stream.alpha, oracle))
    assert np.abs(ours - theirs).mean() < 1e-6
    assert np.abs(ours - theirs).max() < 1e-3
    assert iou(ours, theirs) > 0.9999


def test_the_masks_are_those_of_somebody_elses_conversion(selfie: ModelSession, pictures: list[Mask]) -> None:
    path = SHARED / "selfie_reference.onnx"
    if not path.is_file():
        pytest.skip("THERE IS NO shared/data/selfie_reference.onnx BESIDE THE REPOSITORY")
    reference = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = reference.get_inputs()[0].name
    stream = selfie.segmenter()
    for picture in pictures[:10]:
        (theirs,) = reference.run(None, {name: picture.transpose(1, 2, 0)[None]})
        assert np.abs(stream.alpha(picture) - theirs.reshape(256, 256)).max() < 1e-3


def test_the_converted_graph_is_valid_and_takes_other_sizes(cache: Path, selfie_path: Path) -> None:
    graph = onnx.load(str(selfie_path)).graph
    assert [d.dim_param or d.dim_value for d in graph.input[0].type.tensor_type.shape.dim] == ["N", 3, "H", "W"]
    assert not {node.op_type for node in graph.node} & {"Transpose", "Cast"}
    for name, sides in (("selfie-wide", (288, 512)), ("selfie-tall", (512, 288))):
        stream = load(selfie_path, catalogue.find(cache, name).interface, "cpu").segmenter()
        assert stream.alpha(np.zeros((3, *sides), np.float32)).shape == sides


def test_an_upright_picture_has_nearly_the_mask_of_the_square_size(
    cache: Path, selfie: ModelSession, selfie_path: Path, pictures: list[Mask]
) -> None:
    tall = load(selfie_path, catalogue.find(cache, "selfie-tall").interface, "cpu")
    masks: dict[ModelSession, list[Mask]] = {selfie: [], tall: []}
    for picture in pictures[::8]:
        upright = picture[:, :, 60:178]  # of 176x144, as upright as 288x512
        for model, found in masks.items():
            stream = model.segmenter()
            channels = [cv2.resize(channel, stream.size, interpolation=cv2.INTER_LINEAR) for channel in upright]
            mask = stream.alpha(np.stack(channels).astype(np.float32))
            found.append(np.asarray(cv2.resize(mask, (118, 256), interpolation=cv2.INTER_AREA), np.float32))
    square, other = (np.stack(found) for found in masks.values())
    assert square.mean() > 0.2
    assert iou(square, other) > 0.9


def test_converting_twice_gives_the_same_bytes(tflite_file: Path) -> None:
    data = tflite_file.read_bytes()
    first, second = (hashlib.sha256(tflite.convert(data).SerializeToString()).hexdigest() for _ in range(2))
    assert first == second


@pytest.mark.parametrize("data", [b"", b"not a model at all", bytes(4) + b"TFL3" + bytes(40)])
def test_bytes_that_are_no_model_are_refused(data: bytes) -> None:
    with pytest.raises(ModelInvalid):
        tflite.convert(data)


def test_a_truncated_model_is_refused(tflite_file: Path) -> None:
    data = tflite_file.read_bytes()
    with pytest.raises(ModelInvalid):
        tflite.convert(data[: len(data) // 2])


def test_an_operator_that_is_not_known_is_refused_by_name(tflite_file: Path) -> None:
    data = bytearray(tflite_file.read_bytes())
    model = schema.Model.GetRootAs(data, 0)
    codes = [model.OperatorCodes(index) for index in range(model.OperatorCodesLength())]
    relu = next(code for code in codes if code.DeprecatedBuiltinCode() == schema.BuiltinOperator.RELU)
    data[relu._tab.Pos + relu._tab.Offset(4)] = schema.BuiltinOperator.TANH  # noqa: SLF001 no writer in the package
    with pytest.raises(ModelInvalid, match="TANH"):
        tflite.convert(bytes(data))


def iou(one: Mask, other: Mask) -> float:
    """Intersection over union of two stacks of masks, cut at a half."""
    a, b = one >= 0.5, other >= 0.5
    return float((a & b).sum() / (a | b).sum())
