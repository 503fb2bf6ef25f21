"""A stateless model makes the same pictures in segments as in one run: what differs comes from encoding alone."""

from pathlib import Path

import pytest

from interface_node.engine.session import ModelSession
from protocol.states import Output
from protocol.work import Encoding
from tests import clips
from tests import independent_reader as reader
from tests.clips import Clip
from tests.interface_node.pipeline.segments import Task, pairs

LOSSLESS = Encoding(crf=0)
"""x264 then keeps every bit, so that decoded frames are the composed ones."""


@pytest.mark.parametrize("cuts", [(12, 24, 36), (1, 2, 41)])
def test_composed_frames_of_segments_are_those_of_one_run(
    selfie: ModelSession, tmp_path: Path, cuts: tuple[int, ...]
) -> None:
    source = clips.variable_rate(tmp_path / "a.mp4", Clip(frames=48, bframes=3))
    task = Task(source, tmp_path, (Output.COMPOSITE, Output.MASK), LOSSLESS, selfie.segmenter)
    for single, joined in pairs(task, cuts):
        assert reader.frame_hashes(joined.path) == reader.frame_hashes(single.path)
        assert len(set(reader.frame_hashes(single.path))) > 30


def test_a_real_person_is_the_same_in_segments(selfie: ModelSession, sample_clip: Path, tmp_path: Path) -> None:
    task = Task(sample_clip, tmp_path, (Output.COMPOSITE, Output.MASK), LOSSLESS, selfie.segmenter)
    for single, joined in pairs(task, (33, 77)):
        assert reader.frame_hashes(joined.path) == reader.frame_hashes(single.path)
        assert len(set(reader.frame_hashes(single.path))) > 100
