"""What the coordinator plans and the nodes make is joined to what a single node would have made."""

from pathlib import Path

import pytest

from coordinator.domain import planning
from coordinator.domain.planning import Timeline
from coordinator.gateway.probe import video
from protocol.work import FrameRange
from tests import independent_reader as reader
from tests import odd_clips
from tests.interface_node.pipeline.segments import Task

SEGMENT_S = 2.0
FILES = sorted(set(odd_clips.NAMES) - odd_clips.UNTIMED)


def planned(path: Path) -> tuple[FrameRange, list[FrameRange]]:
    """The whole video, and its segments."""
    with path.open("rb") as file:
        found = video.examine(file.fileno(), quick=False)
    facts = found.facts
    timeline = Timeline(facts.stream, facts.time_base, facts.frames, facts.first_pts, facts.last_pts)
    whole = planning.plan_video(timeline)[0].range
    steps = planning.plan_video(timeline, found.times, planning.segments(timeline, SEGMENT_S))
    assert whole is not None
    return whole, [step.range for step in steps if step.range is not None]


@pytest.mark.parametrize("name", FILES)
def test_an_odd_video_in_segments_is_joined_to_what_one_node_makes_of_it(tmp_path: Path, name: str) -> None:
    task = Task(odd_clips.write(tmp_path, name), tmp_path)
    whole, plan = planned(task.source)
    assert len(plan) > 1
    (single,) = task.run("single", whole)
    (joined,) = task.join(task.segments(plan), whole=whole)
    shown = reader.frame_times(joined.path)
    assert shown.times == reader.frame_times(single.path).times
    assert len(shown.times) == whole.frames == joined.frames
    assert (joined.first_pts, joined.last_pts) == (whole.first_pts, whole.last_pts)
    assert joined.container == single.container
    assert reader.streams(joined.path) == reader.streams(single.path)
    assert reader.packet_times(joined.path).get(1) == reader.packet_times(single.path).get(1)
    if 1 in reader.packet_times(single.path):
        assert reader.packet_hashes(joined.path, "a") == reader.packet_hashes(single.path, "a")
