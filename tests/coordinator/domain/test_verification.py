"""Each thing that a result may disagree in."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from coordinator.domain.media import ImageFacts, VideoFacts
from coordinator.domain.verification import Disagreement, Expected, check
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


def test_other_timestamps_are_a_disagreement_beyond_a_millisecond_and_a_half() -> None:
    assert code(check(EXPECTED, VIDEO, [*PTS[:-1], PTS[-1] + 18])) is None
    assert code(check(EXPECTED, VIDEO, [*PTS[:-1], PTS[-1] + 19])) == "artifact_pts"


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
