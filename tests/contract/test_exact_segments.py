"""What the coordinator plans, the node reads: every frame of an odd video is in exactly one segment."""

import hashlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest
from av.video.frame import VideoFrame

from coordinator.domain import planning
from coordinator.domain.planning import PlannedStep, Timeline
from coordinator.gateway.probe import video
from coordinator.gateway.probe.video import Examined
from interface_node.pipeline.frames import planes
from interface_node.pipeline.source import open_source
from protocol.work import FrameRange
from tests import independent_reader, odd_clips

SEGMENT_S = 1.5


def examined(path: Path) -> Examined:
    """What the probe says of a file."""
    with path.open("rb") as file:
        return video.examine(file.fileno(), quick=False)


def planned(found: Examined) -> Sequence[PlannedStep]:
    """The steps of a task."""
    facts = found.facts
    timeline = Timeline(facts.stream, facts.time_base, facts.frames, facts.first_pts, facts.last_pts)
    return planning.plan_video(timeline, found.times, planning.segments(timeline, SEGMENT_S))


def read(path: Path, wanted: FrameRange | None) -> list[tuple[int | None, str]]:
    """The frames of a range as a node reads them: their timestamps, and hashes of their pixels."""
    with open_source(path, wanted) as source:
        return [(shown.frame.pts, _hash(shown.frame)) for shown in source.frames if shown.own]


def _hash(frame: VideoFrame) -> str:
    return hashlib.sha256(b"".join(plane.tobytes() for plane in planes(frame))).hexdigest()


@pytest.mark.parametrize("name", odd_clips.NAMES)
def test_every_frame_of_an_odd_video_is_in_exactly_one_segment(tmp_path: Path, name: str) -> None:
    path = odd_clips.write(tmp_path, name)
    found = examined(path)
    steps, whole = planned(found), read(path, None)
    parts = [frame for step in steps for frame in read(path, step.range)]
    assert parts == whole
    assert len(parts) == len(independent_reader.frame_times(path).times)
    assert found.facts.has_timestamps is (name not in odd_clips.UNTIMED)
    if found.facts.has_timestamps:
        assert len(steps) >= 3
        assert [pts for pts, _ in parts] == list(found.times.pts)
        assert sum(step.frames for step in steps) == len(parts)
    else:
        assert len(steps) == 1


@pytest.mark.parametrize("name", ["closed.mp4", "open.mp4", "edited-open.mp4", "uneven.mp4", "no-cues.mkv"])
def test_planned_times_are_those_that_an_independent_reader_shows(tmp_path: Path, name: str) -> None:
    path = odd_clips.write(tmp_path, name)
    found = examined(path)
    base = Fraction(found.facts.time_base)
    assert [pts * base for pts in found.times.pts] == independent_reader.frame_times(path).times
