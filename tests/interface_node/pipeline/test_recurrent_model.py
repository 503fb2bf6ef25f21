"""A model that remembers gives a segment the masks of the whole video: from the file's frames to the masks."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from interface_node.engine.session import ModelSession, SessionSegmenter, load
from interface_node.models import catalogue
from interface_node.pipeline.run import run
from interface_node.pipeline.source import scan
from interface_node.pipeline.spec import Plain, RunSpec, warmed_up
from protocol.states import Output
from protocol.work import FrameRange
from tests import clips
from tests.clips import Clip
from tests.interface_node.engine import graphs
from tests.interface_node.pipeline.shown import shown

CUT, FRAMES = 28, 44


class Listening(SessionSegmenter):
    """The real thing, and what it said."""

    def __init__(self, model: ModelSession) -> None:
        super().__init__(model)
        self.said: list[NDArray[np.float32]] = []

    def alpha(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        """As the model says."""
        self.said.append(super().alpha(rgb).copy())
        return self.said[-1]


@pytest.fixture
def model(tmp_path: Path) -> ModelSession:
    """Robust Video Matting's small manifest over a graph of its signature."""
    return load(graphs.recurrent(tmp_path / "m.onnx"), catalogue.find(tmp_path, "rvm-small").interface, "cpu")


def masks(model: ModelSession, path: Path, target: Path, wanted: FrameRange | None) -> NDArray[np.float32]:
    segmenter = Listening(model)
    run(RunSpec(path, Plain(0, 0, 0), {Output.MASK: target}, range=wanted), segmenter, lambda _: None, lambda: False)
    return np.stack(segmenter.said)


def test_a_segment_that_is_warmed_up_by_the_manifest_is_masked_as_in_the_whole(
    tmp_path: Path, model: ModelSession
) -> None:
    path, warmup = clips.write(tmp_path / "a.mp4", Clip(frames=FRAMES)), model.interface.warmup_frames
    planned, stamps = scan(path).whole(), [pts for pts, _ in shown(path)]
    whole = masks(model, path, tmp_path / "whole.mp4", planned)
    assert whole.shape == (FRAMES, 304, 496), "as many pixels as 512x288, in the shape of 160x96"
    own = {"frames": FRAMES - CUT, "first_pts": stamps[CUT], "last_pts": stamps[-1], "start_pts": stamps[CUT]}
    part = planned.model_copy(update=own)
    warm = masks(model, path, tmp_path / "part.mp4", warmed_up(part, warmup))
    assert len(warm) == FRAMES - CUT + warmup
    assert np.abs(warm[warmup:] - whole[CUT:]).mean() < 1 / 255
    cold = masks(model, path, tmp_path / "cold.mp4", part)
    assert np.abs(cold[0] - whole[CUT]).mean() > 10 / 255
