"""A model gets exactly the numbers that its manifest describes, and its mask comes out."""

import threading
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper

from interface_node.engine import providers
from interface_node.engine.interface import ModelInput, ModelInterface, ModelOutput, ModelState
from interface_node.engine.session import ModelSession, load
from interface_node.errors import Cancelled, EngineFailed
from tests.interface_node.engine import graphs

SIDE = 16
why_not = providers.why_not_cuda(0)
RGB = np.random.default_rng(7).random((3, SIDE, SIDE), np.float32)


def model(path: Path, nodes: list[NodeProto], extra: tuple[str, ...] = (), results: tuple[str, ...] = ()) -> Path:
    """A model `image [1,3,16,16] -> mask`, with scalar-like extra inputs and outputs."""
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, None)]
    inputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in extra]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("mask", *results)]
    graph = helper.make_graph(nodes, "test", inputs, outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path


def first_channel(axis: int = 1) -> list[NodeProto]:
    """The mask is the first channel of the picture, as it arrived."""
    zero = helper.make_node("Constant", [], ["zero"], value_ints=[0])
    return [zero, helper.make_node("Gather", ["image", "zero"], ["mask"], axis=axis)]


def interface(**changes: object) -> ModelInterface:
    entry = ModelInput.model_validate({"name": "image", "width": SIDE, "height": SIDE, **changes})
    return ModelInterface(input=entry, output=ModelOutput(name="mask"))


def mask_of(path: Path, described: ModelInterface) -> NDArray[np.float32]:
    return load(path, described, "cpu").segmenter().alpha(RGB)


def test_a_plain_model_sees_red_first(tmp_path: Path) -> None:
    assert np.array_equal(mask_of(model(tmp_path / "m.onnx", first_channel()), interface()), RGB[0])


def test_bgr_models_see_blue_first(tmp_path: Path) -> None:
    assert np.array_equal(mask_of(model(tmp_path / "m.onnx", first_channel()), interface(colour="bgr")), RGB[2])


def test_nhwc_models_get_their_channels_last(tmp_path: Path) -> None:
    path = model(tmp_path / "m.onnx", first_channel(axis=3))
    assert np.array_equal(mask_of(path, interface(layout="nhwc")), RGB[0])


def test_scale_mean_and_deviation_are_applied_in_this_order(tmp_path: Path) -> None:
    path = model(tmp_path / "m.onnx", first_channel())
    mask = mask_of(path, interface(scale=255.0, mean=(-64, 0, 0), std=(512, 1, 1)))
    assert np.allclose(mask, (RGB[0] * 255 + 64) / 512, atol=1e-6)


def test_a_missing_sigmoid_is_applied(tmp_path: Path) -> None:
    described = interface().model_copy(update={"output": ModelOutput(name="mask", activation="sigmoid")})
    mask = mask_of(model(tmp_path / "m.onnx", first_channel()), described)
    assert np.allclose(mask, 1 / (1 + np.exp(-RGB[0])), atol=1e-6)


def test_a_logit_of_any_size_has_a_sigmoid(tmp_path: Path) -> None:
    described = interface(mean=(0.5, 0, 0), std=(1e-4, 1, 1)).model_copy(
        update={"output": ModelOutput(activation="sigmoid")}
    )
    mask = mask_of(model(tmp_path / "m.onnx", first_channel()), described)
    assert np.array_equal(mask > 0.5, RGB[0] > 0.5)


def test_a_mask_can_be_stretched_to_the_whole_range_of_each_frame(tmp_path: Path) -> None:
    described = interface().model_copy(update={"output": ModelOutput(activation="minmax")})
    stream = load(model(tmp_path / "m.onnx", first_channel()), described, "cpu").segmenter()
    low, high = RGB[0].min(), RGB[0].max()
    assert np.allclose(stream.alpha(RGB * np.float32(0.25)), (RGB[0] - low) / (high - low), atol=1e-5)
    flat = np.full_like(RGB, 0.25)
    assert np.array_equal(stream.alpha(flat), flat[0])


def test_a_mask_never_leaves_0_to_1(tmp_path: Path) -> None:
    mask = mask_of(model(tmp_path / "m.onnx", first_channel()), interface(scale=3.0, mean=(1, 0, 0)))
    assert np.allclose(mask, np.clip(RGB[0] * 3 - 1, 0, 1), atol=1e-6)


def test_a_mask_of_another_size_is_brought_to_the_pictures(tmp_path: Path) -> None:
    nodes = first_channel()
    nodes[1].output[0] = "red"
    nodes.append(helper.make_node("AveragePool", ["red"], ["mask"], kernel_shape=[2, 2], strides=[2, 2]))
    mask = mask_of(model(tmp_path / "small.onnx", nodes), interface())
    assert mask.shape == (SIDE, SIDE)
    assert abs(float(mask.mean() - RGB[0].mean())) < 1e-2
    nodes[-1:] = [
        helper.make_node("Constant", [], ["scales"], value_floats=[1.0, 1.0, 2.0, 2.0]),
        helper.make_node("Resize", ["red", "", "scales"], ["mask"], mode="nearest"),
    ]
    assert np.allclose(mask_of(model(tmp_path / "large.onnx", nodes), interface()), RGB[0], atol=1e-6)


def test_half_precision_goes_in_and_comes_out(tmp_path: Path) -> None:
    entry = {"image": (graphs.HALF, (1, SIDE, SIDE, 3))}
    path = graphs.save(tmp_path / "m.onnx", first_channel(axis=3), entry, {"mask": (graphs.HALF, (1, SIDE, SIDE, 1))})
    mask = mask_of(path, interface(dtype="float16", layout="nhwc", mean=(0.25, 0, 0), std=(0.5, 1, 1)))
    assert mask.dtype == np.float32
    assert np.abs(mask - np.clip((RGB[0] - 0.25) / 0.5, 0, 1)).max() < 1e-3


def test_without_a_name_the_first_output_counts(tmp_path: Path) -> None:
    nodes = [*first_channel(), helper.make_node("Neg", ["mask"], ["other"])]
    described = interface().model_copy(update={"output": ModelOutput()})
    assert np.array_equal(mask_of(model(tmp_path / "m.onnx", nodes, results=("other",)), described), RGB[0])


def test_recurrent_states_travel_from_frame_to_frame_and_not_between_streams(tmp_path: Path) -> None:
    nodes = [*first_channel(), helper.make_node("Add", ["mask", "seen"], ["summed"])]
    nodes[1].output[0] = "red"
    nodes[2] = helper.make_node("Add", ["red", "seen"], ["mask"])
    nodes.append(helper.make_node("Identity", ["mask"], ["kept"]))
    path = model(tmp_path / "m.onnx", nodes, ("seen",), ("kept",))
    described = interface().model_copy(update={"states": (ModelState(input="seen", output="kept"),)})
    session = load(path, described, "cpu")
    stream, other = session.segmenter(), session.segmenter()
    dim = RGB / np.float32(2)
    stream.alpha(dim)
    assert np.allclose(stream.alpha(dim), RGB[0])
    assert np.allclose(other.alpha(dim), dim[0])


def test_constants_are_fed_to_every_frame(tmp_path: Path) -> None:
    nodes = [*first_channel(), helper.make_node("Mul", ["red", "ratio"], ["mask"])]
    nodes[1].output[0] = "red"
    path = model(tmp_path / "m.onnx", nodes, ("ratio",))
    described = interface().model_copy(update={"constants": {"ratio": 0.5}})
    assert np.allclose(mask_of(path, described), RGB[0] / 2)


def test_a_frame_of_the_wrong_size_is_an_engine_error(selfie: ModelSession) -> None:
    with pytest.raises(EngineFailed):
        selfie.segmenter().alpha(np.zeros((3, 250, 250), np.float32))


def test_a_stopped_stream_ends_with_cancelled(selfie: ModelSession) -> None:
    stream = selfie.segmenter()
    stream.stop()
    with pytest.raises(Cancelled):
        stream.alpha(np.zeros((3, 256, 256), np.float32))


def test_threads_share_one_session_and_get_the_same_masks(selfie: ModelSession) -> None:
    picture = np.random.default_rng(3).random((3, 256, 256), np.float32)
    wanted = selfie.segmenter().alpha(picture)
    found: list[NDArray[np.float32]] = []

    def work() -> None:
        stream = selfie.segmenter()
        found.extend(stream.alpha(picture) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20
    assert all(np.array_equal(mask, wanted) for mask in found)


@pytest.mark.gpu
@pytest.mark.skipif(bool(why_not), reason=f"NO GPU IS TESTED: {why_not}")
def test_a_recurrent_model_says_the_same_on_a_gpu(tmp_path: Path) -> None:
    states = tuple(ModelState(input=f"r{n}i", output=f"r{n}o") for n in range(1, 5))
    described = interface(name="src").model_copy(
        update={"output": ModelOutput(name="pha"), "states": states, "constants": {"downsample_ratio": 1.0}}
    )
    path = graphs.recurrent(tmp_path / "m.onnx")
    here, there = (load(path, described, device).segmenter() for device in ("cpu", "cuda"))
    for _ in range(4):
        assert np.abs(here.alpha(RGB) - there.alpha(RGB)).max() < 1 / 255


def test_a_loaded_model_says_which_provider_runs_it(selfie: ModelSession) -> None:
    assert selfie.provider == "CPUExecutionProvider"
    assert selfie.load_s > 0
