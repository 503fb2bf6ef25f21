"""From a probed source to steps."""

from hypothesis import given
from hypothesis import strategies as st

from coordinator.domain.planning import ENCODER_THREADS, PRESETS, Timeline, encoding, plan_still, plan_video
from protocol.states import StepKind
from protocol.work import Encoding

timelines = st.builds(
    Timeline,
    stream=st.integers(0, 15),
    time_base=st.sampled_from(["1/24", "1/90000", "1001/30000"]),
    frames=st.integers(1, 10**6),
    first_pts=st.integers(-(10**6), 10**6),
    last_pts=st.integers(10**6, 10**9),
)


@given(timelines)
def test_a_video_is_one_segment_that_holds_every_frame(timeline: Timeline) -> None:
    (step,) = plan_video(timeline)
    assert (step.kind, step.ord, step.frames) == (StepKind.SEGMENT, 0, timeline.frames)
    whole = step.range
    assert whole is not None
    assert (whole.stream, whole.time_base, whole.frames) == (timeline.stream, timeline.time_base, timeline.frames)
    assert (whole.start_pts, whole.end_pts) == (None, None)
    assert (whole.first_pts, whole.last_pts) == (timeline.first_pts, timeline.last_pts)


def test_a_video_without_timestamps_is_planned_whole() -> None:
    (step,) = plan_video(Timeline(0, "1/25", 7, None, None))
    assert step.range is not None
    assert (step.range.first_pts, step.range.frames) == (None, 7)


@given(timelines, st.integers(-(10**6), 10**9))
def test_a_still_of_a_video_is_the_one_frame_at_its_pts(timeline: Timeline, pts: int) -> None:
    (step,) = plan_still(timeline, pts)
    frame = step.range
    assert frame is not None
    assert (step.kind, step.frames, frame.frames) == (StepKind.IMAGE, 1, 1)
    assert (frame.start_pts, frame.end_pts, frame.first_pts, frame.last_pts) == (pts, pts + 1, pts, pts)


def test_a_picture_has_no_range() -> None:
    (step,) = plan_still(None, None)
    assert (step.kind, step.range, step.frames) == (StepKind.IMAGE, None, 1)


def test_every_quality_is_an_encoding_that_the_protocol_allows() -> None:
    found = {quality: encoding(quality, "vp9", "png") for quality in PRESETS}
    assert len({(e.preset, e.crf) for e in found.values()}) == len(PRESETS)
    assert all(e == Encoding.model_validate(e.model_dump()) for e in found.values())
    assert {e.threads for e in found.values()} == {ENCODER_THREADS}


def test_better_quality_never_has_a_higher_rate_factor() -> None:
    factors = [PRESETS[quality][1] for quality in ("draft", "standard", "high", "best")]
    assert factors == sorted(factors, reverse=True)
