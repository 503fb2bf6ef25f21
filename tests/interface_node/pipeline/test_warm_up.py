"""Frames around a segment reach the model and not the file."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from interface_node.pipeline.run import run
from interface_node.pipeline.source import scan
from interface_node.pipeline.spec import OutputFile, Plain, Progress, RunSpec, warmed_up
from protocol.states import Output
from protocol.work import FrameRange
from tests import clips
from tests.clips import Clip
from tests.fakes.segmenters import Halves
from tests.interface_node.pipeline.shown import shown

MEMORY = 5


class Remembering(Halves):
    """Its mask is how bright the last few pictures were: right only where it saw those before."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[float] = []

    def alpha(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        """One value everywhere."""
        like = super().alpha(rgb)
        self.said.append(float(np.mean([picture.mean() for picture in self.seen[-MEMORY:]])))
        return np.full_like(like, self.said[-1])


def segmented(path: Path, target: Path, wanted: FrameRange) -> tuple[list[float], OutputFile, list[Progress]]:
    """What the model said, what was written, and what was told meanwhile."""
    model, told = Remembering(), list[Progress]()
    spec = RunSpec(path, Plain(0, 0, 0), {Output.MASK: target}, range=wanted)
    result = run(spec, model, told.append, lambda: False)
    return model.said, result.outputs[0], told


@pytest.mark.parametrize(("first", "last"), [(0, 13), (13, 30), (30, 40), (2, 39)])
def test_a_segment_with_warm_up_is_masked_as_in_the_whole_video(tmp_path: Path, first: int, last: int) -> None:
    path = clips.write(tmp_path / "a.mp4", Clip(frames=40))
    planned, stamps = scan(path).whole(), [pts for pts, _ in shown(path)]
    whole, _, _ = segmented(path, tmp_path / "whole.mp4", planned)
    own = {"frames": last - first, "first_pts": stamps[first], "last_pts": stamps[last - 1]}
    ends = {"start_pts": stamps[first] if first else None, "end_pts": stamps[last] if last < 40 else None}
    around = {"warmup_frames": MEMORY - 1, "lookahead_frames": 3}
    part = planned.model_copy(update={**own, **ends, **around})
    said, made, told = segmented(path, tmp_path / "part.mp4", part)
    before, behind = min(first, MEMORY - 1), min(40 - last, 3)
    assert said[before : len(said) - behind] == pytest.approx(whole[first:last], abs=1e-6)
    assert (made.frames, made.first_pts, made.last_pts) == (last - first, stamps[first], stamps[last - 1])
    assert (told[-1].frames_done, told[-1].frames_total) == (last - first, last - first)
    cold, _, _ = segmented(path, tmp_path / "cold.mp4", part.model_copy(update={"warmup_frames": 0}))
    assert (cold[: last - first] == pytest.approx(whole[first:last], abs=1e-6)) is (first == 0)


@pytest.mark.parametrize(
    ("start", "planned", "asked", "read"),
    [(None, 0, 8, 0), (512, 0, 0, 0), (512, 0, 8, 8), (512, 5, 8, 8), (512, 12, 8, 12)],
)
def test_a_model_is_warmed_up_by_its_manifest_or_by_the_plan(
    start: int | None, planned: int, asked: int, read: int
) -> None:
    wanted = FrameRange(stream=0, time_base="1/12288", start_pts=start, frames=9, warmup_frames=planned)
    found = warmed_up(wanted, asked)
    assert found == wanted.model_copy(update={"warmup_frames": read})
    assert warmed_up(None, asked) is None
