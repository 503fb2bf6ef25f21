"""Each thing that a result may disagree in."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.domain.media import ImageFacts, VideoFacts
from coordinator.domain.verification import Disagreement, Expected, check, outvoted, within
from protocol.states import Output, StepKind
from protocol.work import FrameRange

RANGE = FrameRange(stream=0, time_base="1/24", frames=24, first_pts=10, last_pts=33)
EXPECTED = Expected(StepKind.SEGMENT, Output.COMPOSITE, RANGE, 64, 48, Fraction(1), None)
STILL = Expected(StepKind.IMAGE, Output.COMPOSITE, None, 64, 48, Fraction(1), None)
PICTURE = ImageFacts("png", "png", "rgb24", 64, 48, 0)
VIDEO = VideoFacts(
    container="mp4",
    codec="h264",
    pix_fmt="yuv420p",
    width=64,
    height=48,
    rotation=0,
    sar="1/1",
    color={},
    stream=0,
    time_base="1/12288",
    frames=24,
    keyframes=1,
    first_pts=0,
    last_pts=23 * 512,
    has_timestamps=True,
    duration=1.0,
    fps=24.0,
    has_audio=False,
    streams=[],
    extradata_sha256="a" * 64,
    faststart=True,
)
PTS = [number * 512 for number in range(24)]


def code(found: Disagreement | None) -> str | None:
    return found.code if found is not None else None


def test_a_file_that_is_what_the_plan_says_is_believed() -> None:
    assert check(EXPECTED, VIDEO, PTS) is None


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"container": "webm"}, "artifact_container"),
        ({"width": 66}, "artifact_size"),
        ({"height": 46}, "artifact_size"),
        ({"width": 48, "height": 64}, "artifact_size"),
        ({"frames": 23}, "artifact_frames"),
        ({"frames": 25}, "artifact_frames"),
        ({"time_base": "1/12000"}, "artifact_pts"),
        ({"container": "matroska"}, None),
    ],
)
def test_a_video_that_differs_is_named_for_what_differs(changes: dict[str, Any], wrong: str | None) -> None:
    assert code(check(EXPECTED, replace(VIDEO, **changes), PTS)) == wrong


def test_other_timestamps_are_a_disagreement_beyond_a_tick_of_the_file() -> None:
    assert code(check(EXPECTED, VIDEO, [*PTS[:-1], PTS[-1] + 1])) is None
    assert code(check(EXPECTED, VIDEO, [*PTS[:-1], PTS[-1] + 2])) == "artifact_pts"


def test_a_coarse_time_base_of_the_file_is_no_excuse() -> None:
    lazy = replace(VIDEO, time_base="1/24")
    assert check(EXPECTED, lazy, list(range(24))) is None
    assert code(check(EXPECTED, lazy, [*range(23), 24])) == "artifact_pts"


def test_whole_milliseconds_are_right_to_a_millisecond() -> None:
    rounded = replace(VIDEO, container="matroska", time_base="1/1000")
    times = [round(number * 1000 / 24) for number in range(24)]
    assert check(replace(EXPECTED, pts=range(10, 34)), rounded, times) is None
    times[7] += 2
    assert code(check(replace(EXPECTED, pts=range(10, 34)), rounded, times)) == "artifact_pts"


def test_every_frame_is_compared_where_the_sources_times_are_known() -> None:
    shifted = [*PTS[:9], PTS[9] + 100, *PTS[10:]]
    assert check(EXPECTED, VIDEO, shifted) is None
    wrong = check(replace(EXPECTED, pts=range(10, 34)), VIDEO, shifted)
    assert code(wrong) == "artifact_pts"
    assert wrong is not None
    assert wrong.detail == "The frame 9 comes at 0.383138 s instead of 0.375000 s"


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=40, unique=True), st.sampled_from([1, 7, 30_000, 90_000]))
def test_variable_times_agree_in_any_finer_time_base(times: list[int], finer: int) -> None:
    pts = sorted(times)
    plan = RANGE.model_copy(update={"time_base": "1/90000", "first_pts": pts[0], "last_pts": pts[-1]})
    plan = plan.model_copy(update={"frames": len(pts)})
    facts = replace(VIDEO, frames=len(pts), time_base=f"1/{90_000 * finer}")
    wanted = replace(EXPECTED, range=plan, pts=pts)
    assert check(wanted, facts, [(at - pts[0]) * finer for at in pts]) is None
    late = [(at - pts[0]) * finer for at in pts]
    late[-1] += 2 * finer
    assert code(check(wanted, facts, late)) == "artifact_pts"


PLANNED = FrameRange(stream=0, time_base="1/24", start_pts=10, end_pts=34, frames=24, first_pts=10, last_pts=33)
PART = replace(EXPECTED, range=PLANNED)


def test_the_times_of_a_step_are_cut_from_the_sources_half_open() -> None:
    everything = list(range(100))
    assert within(everything, PLANNED) == everything[10:34]
    first = PLANNED.model_copy(update={"start_pts": None, "frames": 34})
    assert within(everything, first) == everything[:34]
    assert within(everything, PLANNED.model_copy(update={"end_pts": None, "frames": 90})) == everything[10:]
    assert within(everything, PLANNED.model_copy(update={"frames": 23})) == ()


@pytest.mark.parametrize("container", ["mov", "matroska"])
def test_a_part_is_in_a_container_that_can_be_joined(container: str) -> None:
    assert check(PART, VIDEO, PTS) is None
    other = replace(VIDEO, container=container)
    assert check(EXPECTED, other, PTS) is None
    assert code(check(PART, other, PTS)) == "artifact_container"
    assert check(replace(PART, kind=StepKind.ASSEMBLE), other, PTS) is None


def test_the_whole_composite_has_the_sources_sound_and_a_part_has_none() -> None:
    sound = replace(VIDEO, streams=[{"index": 0, "type": "video"}, {"index": 1, "type": "audio"}])
    assert check(replace(EXPECTED, sounds=1), sound, PTS) is None
    assert code(check(replace(EXPECTED, sounds=1), VIDEO, PTS)) == "artifact_streams"
    assert code(check(replace(EXPECTED, sounds=2), sound, PTS)) == "artifact_streams"
    assert check(replace(PART, sounds=1), VIDEO, PTS) is None
    assert code(check(replace(PART, sounds=1), sound, PTS)) == "artifact_streams"
    assert check(replace(EXPECTED, sounds=1, output=Output.MASK), VIDEO, PTS) is None


def test_a_shift_of_all_timestamps_is_not_the_nodes_fault() -> None:
    assert check(EXPECTED, VIDEO, [pts + 1000 for pts in PTS]) is None


def test_a_file_without_timestamps_where_the_plan_has_them_is_refused() -> None:
    assert code(check(EXPECTED, replace(VIDEO, has_timestamps=False), [])) == "artifact_pts"


def test_a_plan_without_timestamps_asks_for_none() -> None:
    blind = replace(EXPECTED, range=RANGE.model_copy(update={"first_pts": None, "last_pts": None}))
    assert check(blind, VIDEO, []) is None


def test_other_parameter_sets_than_the_tasks_are_refused() -> None:
    assert code(check(replace(EXPECTED, extradata_sha256="b" * 64), VIDEO, PTS)) == "artifact_extradata"
    assert check(replace(EXPECTED, extradata_sha256="a" * 64), VIDEO, PTS) is None


def test_odd_sides_may_be_kept_or_made_even() -> None:
    odd = replace(EXPECTED, width=63, height=47)
    for width, height in ((63, 47), (64, 48)):
        assert check(odd, replace(VIDEO, width=width, height=height), PTS) is None
    assert code(check(odd, replace(VIDEO, width=62, height=46), PTS)) == "artifact_size"


def test_only_a_foreground_may_have_square_pixels_made_of_others() -> None:
    wide = replace(EXPECTED, sar=Fraction(4, 3), output=Output.FOREGROUND)
    webm = replace(VIDEO, container="webm", width=86, height=48)
    assert check(wide, webm, PTS) is None
    assert code(check(replace(wide, output=Output.MASK), replace(webm, container="mp4"), PTS)) == "artifact_size"


def test_a_picture_for_a_video_and_a_video_for_a_picture_are_refused() -> None:
    assert code(check(EXPECTED, PICTURE, [])) == "artifact_container"
    assert code(check(STILL, VIDEO, PTS)) == "artifact_container"


def test_a_picture_may_be_turned_but_not_resized() -> None:
    assert check(STILL, PICTURE, []) is None
    assert check(STILL, replace(PICTURE, width=48, height=64), []) is None
    assert code(check(STILL, replace(PICTURE, width=48, height=48), [])) == "artifact_size"
    assert code(check(STILL, replace(PICTURE, width=640, height=480), [])) == "artifact_size"


nodes = st.sets(st.sampled_from("abcd"))


@given(nodes, nodes, nodes, st.booleans())
def test_fixed_parameter_sets_stand_unless_more_nodes_or_only_others_are_there(
    backers: set[str], dissenters: set[str], able: set[str], last_try: bool
) -> None:
    gives_way = outvoted(backers, dissenters, able, last_try=last_try)
    if backers & able and len(dissenters) <= len(backers):
        assert not gives_way
    if len(dissenters) > len(backers):
        assert gives_way
        assert not outvoted(dissenters, backers, able | dissenters, last_try=last_try)
