"""From a probed source to steps."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.domain.planning import (
    ENCODER_THREADS,
    MOST_IN_GROUP,
    MOST_SEGMENTS,
    PRESETS,
    PlannedStep,
    Timeline,
    encoding,
    plan_still,
    plan_video,
    segments,
)
from coordinator.domain.timestamps import FrameTimes, frame_times
from protocol.states import StepKind
from protocol.work import Encoding, FrameRange

timelines = st.builds(
    Timeline,
    stream=st.integers(0, 15),
    time_base=st.sampled_from(["1/24", "1/90000", "1001/30000"]),
    frames=st.integers(1, 10**6),
    first_pts=st.integers(-(10**6), 10**6),
    last_pts=st.integers(10**6, 10**9),
)
seconds = st.floats(1, 60)


@st.composite
def videos(draw: st.DrawFn) -> tuple[Timeline, FrameTimes]:
    """Up to a thousand frames at any times, any of them keyframes."""
    gaps = draw(st.lists(st.integers(1, 40) | st.integers(1, 100_000), max_size=1000))
    first = draw(st.integers(-(10**6), 10**6))
    stamps = [first]
    for gap in gaps:
        stamps.append(stamps[-1] + gap)
    times = frame_times(stamps, draw(st.sets(st.sampled_from(stamps), max_size=20)))
    return Timeline(0, "1/1000", len(stamps), stamps[0], stamps[-1]), times


def planned(timeline: Timeline, times: FrameTimes, length_s: float) -> list[FrameRange]:
    """The ranges of the segments of a video."""
    steps = plan_video(timeline, times, segments(timeline, length_s))
    assert [(step.kind, step.ord) for step in steps] == [(StepKind.SEGMENT, ord_) for ord_ in range(len(steps))]
    assert all(step.range is not None and step.range.frames == step.frames for step in steps)
    return [step.range for step in steps if step.range is not None]


def held(part: FrameRange, pts: list[int]) -> list[int]:
    """The frames that a half open range holds."""
    return [
        stamp
        for stamp in pts
        if (part.start_pts is None or stamp >= part.start_pts) and (part.end_pts is None or stamp < part.end_pts)
    ]


def steady(length_s: float, fps: int = 24, keys_every: int = 24) -> tuple[Timeline, FrameTimes]:
    """A video at a constant rate."""
    stamps = [512 * number for number in range(round(length_s * fps))]
    times = frame_times(stamps, stamps[::keys_every])
    return Timeline(0, f"1/{512 * fps}", len(stamps), stamps[0], stamps[-1]), times


@given(videos(), seconds)
def test_every_frame_is_in_exactly_one_segment(video: tuple[Timeline, FrameTimes], length_s: float) -> None:
    timeline, times = video
    parts, pts = planned(timeline, times, length_s), list(times.pts)
    assert [stamp for part in parts for stamp in held(part, pts)] == pts
    for part in parts:
        mine = held(part, pts)
        assert (part.frames, part.first_pts, part.last_pts) == (len(mine), mine[0], mine[-1])
        assert (part.stream, part.time_base) == (timeline.stream, timeline.time_base)
    assert (parts[0].start_pts, parts[-1].end_pts) == (None, None)
    assert [part.end_pts for part in parts[:-1]] == [part.start_pts for part in parts[1:]]
    assert all(part.start_pts == part.first_pts for part in parts[1:])


@given(videos(), seconds)
def test_cuts_are_keyframes_near_their_time_or_the_first_frames_there(
    video: tuple[Timeline, FrameTimes], length_s: float
) -> None:
    timeline, times = video
    count = segments(timeline, length_s)
    span = times.pts[-1] - times.pts[0]
    span += span // max(1, len(times.pts) - 1)
    targets = [times.pts[0] + span * number // count for number in range(1, count)]
    keys = [times.pts[place] for place in times.keys]
    for part in planned(timeline, times, length_s)[1:]:
        cut = part.start_pts
        assert cut is not None
        near = [t for t in targets if any(abs(key - t) <= span // (4 * count) for key in keys)]
        at_a_key = cut in keys and any(abs(cut - t) <= span // (4 * count) for t in near)
        firsts = [min((s for s in times.pts if s >= t), default=None) for t in targets if t not in near]
        assert at_a_key or cut in firsts


@given(st.floats(0.1, 4 * 3600), seconds)
def test_segments_are_about_as_long_as_asked_and_none_is_tiny(length_s: float, asked_s: float) -> None:
    timeline = Timeline(0, "1/90000", 100, 0, round(length_s * 90_000))
    count = segments(timeline, asked_s)
    each = length_s / count
    if count in {1, MOST_SEGMENTS}:
        assert count > 1 or length_s <= 1.5 * asked_s * 1.0001
    else:
        assert 0.74 * asked_s <= each <= 1.51 * asked_s


@given(timelines)
def test_a_video_that_is_not_cut_is_one_segment_that_holds_every_frame(timeline: Timeline) -> None:
    (step,) = plan_video(timeline)
    assert (step.kind, step.ord, step.frames) == (StepKind.SEGMENT, 0, timeline.frames)
    whole = step.range
    assert whole is not None
    assert (whole.stream, whole.time_base, whole.frames) == (timeline.stream, timeline.time_base, timeline.frames)
    assert (whole.start_pts, whole.end_pts) == (None, None)
    assert (whole.first_pts, whole.last_pts) == (timeline.first_pts, timeline.last_pts)


def test_a_video_without_timestamps_is_planned_whole() -> None:
    timeline = Timeline(0, "1/25", 7, None, None)
    assert segments(timeline, 0.01) == 1
    (step,) = plan_video(timeline)
    assert step.range is not None
    assert (step.range.first_pts, step.range.frames, step.frames) == (None, 0, 7)


@pytest.mark.parametrize(
    ("length_s", "count"), [(1, 1), (10, 1), (14.9, 1), (15.1, 2), (60, 6), (67, 7), (14_400, 500)]
)
def test_a_clip_below_one_and_a_half_segments_is_not_cut(length_s: float, count: int) -> None:
    timeline, times = steady(length_s)
    assert segments(timeline, 10) == count
    assert len(planned(timeline, times, 10)) == count


def test_a_cut_moves_to_a_keyframe_before_or_after_it() -> None:
    stamps = list(range(0, 30_000, 10))
    timeline = Timeline(0, "1/1000", len(stamps), 0, stamps[-1])
    parts = planned(timeline, frame_times(stamps, [0, 8_000, 22_400, 29_000]), 10)
    assert [part.start_pts for part in parts] == [None, 8_000, 22_400]


def test_a_keyframe_further_than_a_quarter_of_a_segment_is_left_alone() -> None:
    stamps = list(range(0, 30_000, 10))
    timeline = Timeline(0, "1/1000", len(stamps), 0, stamps[-1])
    parts = planned(timeline, frame_times(stamps, [0, 7_000, 12_600]), 10)
    assert [part.start_pts for part in parts] == [None, 10_000, 20_000]


def test_a_pause_of_the_camera_makes_no_empty_segment() -> None:
    stamps = [0, 10, 20, 59_990, 60_000]
    parts = planned(Timeline(0, "1/1000", 5, 0, 60_000), frame_times(stamps, [0]), 10)
    assert [(part.first_pts, part.frames) for part in parts] == [(0, 3), (59_990, 2)]


def test_one_keyframe_in_an_hour_bounds_the_frames_that_are_decoded_for_nothing() -> None:
    timeline, times = steady(3600, keys_every=10**6)
    parts = planned(timeline, times, 10)
    assert len(parts) <= MOST_IN_GROUP + 1
    assert max(part.frames for part in parts) < 3 * timeline.frames / MOST_IN_GROUP
    lost = sum(before.last_pts - times.pts[0] for before, _ in pairwise(parts) if before.last_pts is not None)
    assert lost < MOST_IN_GROUP * times.pts[-1]


def test_a_million_frames_are_planned_from_a_few_hundred_of_them() -> None:
    timeline, times = steady(10**6 / 24, keys_every=250)
    parts = planned(timeline, times, 10)
    assert (len(parts), sum(part.frames for part in parts)) == (MOST_SEGMENTS, 10**6)


@given(timelines, st.integers(-(10**6), 10**9))
def test_a_still_of_a_video_is_the_one_frame_at_its_pts(timeline: Timeline, pts: int) -> None:
    (step,) = plan_still(timeline, pts)
    frame = step.range
    assert frame is not None
    assert (step.kind, step.frames, frame.frames) == (StepKind.IMAGE, 1, 1)
    assert (frame.start_pts, frame.end_pts, frame.first_pts, frame.last_pts) == (pts, pts + 1, pts, pts)


def test_a_picture_has_no_range() -> None:
    assert plan_still(None, None) == [PlannedStep(StepKind.IMAGE, 0, None, 1)]


def test_every_quality_is_an_encoding_that_the_protocol_allows() -> None:
    found = {quality: encoding(quality, "vp9", "png") for quality in PRESETS}
    assert len({(e.preset, e.crf) for e in found.values()}) == len(PRESETS)
    assert all(e == Encoding.model_validate(e.model_dump()) for e in found.values())
    assert {e.threads for e in found.values()} == {ENCODER_THREADS}


def test_an_encoding_says_the_codec_and_whether_it_is_playable_while_written() -> None:
    found = encoding("best", "vp9", "png", "av1", fragmented=True)
    assert (found.codec, found.crf, found.preset, found.fragmented) == ("av1", 12, "slow", True)


def test_better_quality_never_has_a_higher_rate_factor() -> None:
    factors = [PRESETS[quality][1] for quality in ("draft", "standard", "high", "best")]
    assert factors == sorted(factors, reverse=True)
