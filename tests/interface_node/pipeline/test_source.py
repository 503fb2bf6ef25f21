"""A range is exactly its frames, whatever the container and wherever the cut."""

import itertools
from fractions import Fraction
from pathlib import Path

import pytest

from interface_node.errors import Cancelled, FramesMismatch, NoFrames
from interface_node.pipeline.source import open_source, scan
from protocol.work import FrameRange
from tests import clips, odd_clips
from tests.clips import Clip
from tests.interface_node.pipeline.shown import shown, shown_around

CLIPS = {
    "closed.mp4": Clip(frames=40),
    "open-ended.mkv": Clip(frames=40, audio="libopus"),
    "stream.ts": Clip(frames=40, audio="aac"),
    "one-keyframe.mp4": Clip(frames=40, keyframe_every=400),
    "old.avi": Clip(frames=40, codec="mpeg4"),
    "alpha.webm": Clip(frames=24, codec="libvpx-vp9", width=97, height=63),
    "ten-bits.mp4": Clip(frames=40, pixels="yuv420p10le"),
}


def piece(path: Path, start: int | None, end: int | None, frames: int = 0) -> FrameRange:
    whole = scan(path).whole()
    changed = {"start_pts": start, "end_pts": end, "frames": frames, "first_pts": None, "last_pts": None}
    return whole.model_copy(update=changed)


@pytest.mark.parametrize("name", CLIPS)
def test_segments_cut_anywhere_hold_together_exactly_the_frames_of_the_whole(tmp_path: Path, name: str) -> None:
    path = clips.write(tmp_path / name, CLIPS[name])
    whole = shown(path)
    assert len(whole) == CLIPS[name].frames
    cuts = [whole[index][0] for index in (7, 12, 23)]
    edges = [None, *cuts, None]
    parts = [shown(path, piece(path, start, end)) for start, end in itertools.pairwise(edges)]
    assert [frame for part in parts for frame in part] == whole
    assert [len(part) for part in parts] == [7, 5, 11, CLIPS[name].frames - 23]


def test_a_scan_counts_what_is_shown(tmp_path: Path) -> None:
    path = clips.variable_rate(tmp_path / "a.mp4")
    found = scan(path)
    whole = shown(path)
    assert (found.frames, found.first_pts, found.last_pts) == (len(whole), whole[0][0], whole[-1][0])
    assert found.time_base == Fraction(1, 1000)


def test_a_recording_that_was_cut_anywhere_begins_at_its_first_keyframe(tmp_path: Path) -> None:
    data = clips.write(tmp_path / "whole.ts", Clip(frames=48, audio="aac")).read_bytes()
    path = tmp_path / "cut.ts"
    path.write_bytes(data[len(data) // 3 // 188 * 188 :])
    planned = scan(path).whole()
    assert len(shown(path, planned)) == planned.frames == 24


def test_the_plan_of_the_whole_file_agrees_with_its_frames(tmp_path: Path) -> None:
    path = clips.write(tmp_path / "a.mp4")
    assert len(shown(path, scan(path).whole())) == 24


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"frames": 25}, "24 frames could be decoded, the plan has 25"),
        ({"first_pts": 7}, "the first frame is at 0, the plan has 7"),
        ({"last_pts": 7}, "the last frame is at 11776, the plan has 7"),
        ({"time_base": "1/1000"}, "the stream counts time in 1/12288, the plan in 1/1000"),
        ({"start_pts": 13}, "there is no frame at 13"),
    ],
)
def test_frames_that_are_not_the_plans_are_an_error(tmp_path: Path, change: dict[str, int], sentence: str) -> None:
    path = clips.write(tmp_path / "a.mp4")
    with pytest.raises(FramesMismatch, match=sentence):
        shown(path, scan(path).whole().model_copy(update=change))


def test_a_range_behind_the_end_has_no_frames(tmp_path: Path) -> None:
    path = clips.write(tmp_path / "a.mp4")
    with pytest.raises(NoFrames):
        shown(path, piece(path, None, -5))


def test_the_way_to_the_first_frame_can_be_cancelled(tmp_path: Path) -> None:
    path = clips.write(tmp_path / "a.mp4", Clip(frames=40, keyframe_every=400))
    looks = itertools.count()
    with pytest.raises(Cancelled), open_source(path, piece(path, 39 * 512, None), lambda: next(looks) > 5):
        pass
    assert next(looks) < 10


@pytest.mark.parametrize("name", CLIPS)
def test_frames_around_a_range_are_those_of_the_video_and_not_the_ranges_own(tmp_path: Path, name: str) -> None:
    path = clips.write(tmp_path / name, CLIPS[name])
    whole = shown(path)
    wanted = piece(path, whole[13][0], whole[18][0], 5)
    around = shown_around(path, wanted.model_copy(update={"warmup_frames": 4, "lookahead_frames": 3}))
    assert [(pts, pixels) for pts, pixels, _ in around] == whole[9:21]
    assert [own for _, _, own in around] == [False] * 4 + [True] * 5 + [False] * 3


@pytest.mark.parametrize("name", sorted(set(odd_clips.NAMES) - odd_clips.UNTIMED))
def test_frames_around_a_range_of_an_odd_video_are_those_that_it_shows(tmp_path: Path, name: str) -> None:
    path = odd_clips.write(tmp_path, name)
    whole = shown(path)
    for first, last in ((len(whole) // 2, len(whole) // 2 + 9), (3, len(whole) - 3)):
        wanted = piece(path, whole[first][0], whole[last][0], last - first)
        around = shown_around(path, wanted.model_copy(update={"warmup_frames": 6, "lookahead_frames": 4}))
        assert [(pts, pixels) for pts, pixels, _ in around] == whole[max(0, first - 6) : last + 4]
        assert [(pts, pixels) for pts, pixels, own in around if own] == whole[first:last]


def test_frames_around_a_range_end_where_the_video_does(tmp_path: Path) -> None:
    path = clips.write(tmp_path / "a.mp4", Clip(frames=20))
    whole = shown(path)
    many = {"warmup_frames": 1000, "lookahead_frames": 1000}
    for first, last in ((2, 18), (0, 20)):
        start = whole[first][0] if first else None
        end = whole[last][0] if last < 20 else None
        around = shown_around(path, piece(path, start, end, last - first).model_copy(update=many))
        assert [(pts, pixels) for pts, pixels, _ in around] == whole
        assert [own for _, _, own in around] == [first <= index < last for index in range(20)]


def test_only_the_ranges_own_frames_are_compared_with_the_plan(tmp_path: Path) -> None:
    path = clips.write(tmp_path / "a.mp4")
    wanted = piece(path, 6 * 512, 12 * 512, 7).model_copy(update={"warmup_frames": 1})
    with pytest.raises(FramesMismatch, match="6 frames could be decoded, the plan has 7"):
        shown(path, wanted)
