"""Robust Video Matting remembers: within a stream, across the cut between segments, and never into another stream."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from interface_node.engine.session import ModelSession, load
from interface_node.models import catalogue
from tests.interface_node.engine import graphs

FRAMES, CUT = 40, 24


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelSession:
    """A graph of the model's signature under the catalogue's own manifest, 512x288."""
    folder = tmp_path_factory.mktemp("rvm")
    return load(graphs.recurrent(folder / "rvm.onnx"), catalogue.find(folder, "rvm-small").interface, "cpu")


@pytest.fixture(scope="module")
def frames() -> list[NDArray[np.float32]]:
    """Pictures that grow darker, so that every moment differs from what was before."""
    noise = np.random.default_rng(11)
    shades = np.linspace(1, 0.1, FRAMES)
    return [(noise.random((3, 288, 512)) * shade).astype(np.float32) for shade in shades]


def masks(model: ModelSession, frames: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    stream = model.segmenter()
    return np.stack([stream.alpha(frame) for frame in frames])


def numpy_masks(frames: list[NDArray[np.float32]], ratio: float) -> NDArray[np.float64]:
    """The same recurrent network without a line of ours: four memories that fade by half."""
    memories: list[NDArray[np.float64]] = [np.zeros((1, 1))] * 4
    answers = []
    for frame in frames:
        seen = 1 / (1 + np.exp(-np.tensordot(np.array(graphs.WEIGHTS), frame.astype(np.float64), 1)))
        for level in range(4):
            if level:
                height, width = (side // 2 for side in seen.shape)
                seen = seen[: height * 2, : width * 2].reshape(height, 2, width, 2).mean(axis=(1, 3))
            memories[level] = seen / 2 + memories[level] / 2
        answers.append((memories[0] + sum(memory.mean() for memory in memories[1:])) * 0.2 * ratio)
    return np.stack(answers)


def test_a_stream_carries_four_states_of_four_sizes_and_the_ratio(
    model: ModelSession, frames: list[NDArray[np.float32]]
) -> None:
    assert np.abs(masks(model, frames[:8]) - numpy_masks(frames[:8], 1.0)).max() < 1e-5


def test_the_manifest_for_large_frames_works_on_a_smaller_picture_inside(
    tmp_path: Path, frames: list[NDArray[np.float32]]
) -> None:
    wide = catalogue.find(tmp_path, "rvm").interface
    assert (wide.input.size, wide.constants, wide.warmup_frames) == ((1280, 720), {"downsample_ratio": 0.375}, 16)
    same_size = wide.model_copy(update={"input": wide.input.model_copy(update={"width": 512, "height": 288})})
    found = masks(load(graphs.recurrent(tmp_path / "m.onnx"), same_size, "cpu"), frames[:4])
    assert np.abs(found - numpy_masks(frames[:4], 0.375)).max() < 1e-5


def test_two_segments_with_warm_up_are_the_whole_and_without_are_not(
    model: ModelSession, frames: list[NDArray[np.float32]]
) -> None:
    warmup = model.interface.warmup_frames
    whole = masks(model, frames)
    first, second = masks(model, frames[:CUT]), masks(model, frames[CUT - warmup :])[warmup:]
    assert np.abs(np.concatenate([first, second]) - whole).mean() < 1 / 255
    assert np.abs(second - whole[CUT:]).max() < 1 / 255
    cold = masks(model, frames[CUT:])
    assert np.abs(cold - whole[CUT:])[0].mean() > 10 / 255


def test_two_streams_do_not_share_what_they_remember(model: ModelSession, frames: list[NDArray[np.float32]]) -> None:
    one, other = model.segmenter(), model.segmenter()
    for frame in frames[:6]:
        one.alpha(frame)
    assert np.array_equal(other.alpha(frames[7]), masks(model, frames[7:8])[0])
