"""Whether the bytes that a node sent are what the plan asked for. Pure: facts in, the first disagreement out."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NamedTuple

from coordinator.domain.media import ImageFacts, VideoFacts
from protocol.states import Output, StepKind
from protocol.work import FrameRange

CONTAINERS: Final = {
    Output.COMPOSITE: frozenset({"mp4", "mov", "matroska"}),
    Output.MASK: frozenset({"mp4", "mov", "matroska"}),
    Output.FOREGROUND: frozenset({"webm", "matroska", "mov", "mp4"}),
}
PTS_TOLERANCE_S: Final = 0.0015
"""Matroska and WebM keep whole milliseconds."""


class Disagreement(NamedTuple):
    """A stable code and one sentence."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What the plan says of one output. `width`, `height` and `sar` are the source's, in storage orientation."""

    kind: StepKind
    output: Output
    range: FrameRange | None
    width: int
    height: int
    sar: Fraction
    extradata_sha256: str | None


def check(expected: Expected, facts: VideoFacts | ImageFacts, pts: Sequence[int]) -> Disagreement | None:
    """The first thing that is wrong with a file, or None. `pts` are the file's own, ascending, in its time base."""
    if expected.kind is StepKind.IMAGE:
        return _check_image(expected, facts)
    if not isinstance(facts, VideoFacts):
        return Disagreement("artifact_container", "The result is a picture, not a video")
    if facts.container not in CONTAINERS[expected.output]:
        return Disagreement("artifact_container", f"A {expected.output} cannot be a {facts.container} file")
    wrong_size = _check_size(expected, facts.width, facts.height)
    return wrong_size or _check_frames(expected, facts, pts)


def _check_image(expected: Expected, facts: VideoFacts | ImageFacts) -> Disagreement | None:
    if isinstance(facts, VideoFacts):
        return Disagreement("artifact_container", "The result is a video, not a picture")
    if {facts.width, facts.height} != {expected.width, expected.height}:
        return Disagreement("artifact_size", f"The picture is {facts.width}x{facts.height}")
    return None


def _check_size(expected: Expected, width: int, height: int) -> Disagreement | None:
    even = (expected.width + expected.width % 2, expected.height + expected.height % 2)
    if (width, height) in {(expected.width, expected.height), even} or _is_squared(expected, width, height):
        return None
    return Disagreement("artifact_size", f"The frames are {width}x{height} instead of {even[0]}x{even[1]}")


def _is_squared(expected: Expected, width: int, height: int) -> bool:
    """WebM has no place for a sample aspect ratio: there the picture is resampled to square pixels."""
    if expected.output is not Output.FOREGROUND or expected.sar == 1:
        return False
    wide = abs(width - expected.width * expected.sar) <= 2 and abs(height - expected.height) <= 1
    high = abs(height - expected.height / expected.sar) <= 2 and abs(width - expected.width) <= 1
    return wide or high


def _check_frames(expected: Expected, facts: VideoFacts, pts: Sequence[int]) -> Disagreement | None:
    plan = expected.range
    if plan is None or not plan.frames:
        return None
    if facts.frames != plan.frames:
        return Disagreement("artifact_frames", f"The file has {facts.frames} frames instead of {plan.frames}")
    if plan.first_pts is not None and plan.last_pts is not None:
        if not pts:
            return Disagreement("artifact_pts", "The frames have no timestamps")
        wanted = (plan.last_pts - plan.first_pts) * Fraction(plan.time_base)
        found = (pts[-1] - pts[0]) * Fraction(facts.time_base)
        if abs(wanted - found) > PTS_TOLERANCE_S:
            return Disagreement(
                "artifact_pts", f"The frames span {float(found):.6f} s instead of {float(wanted):.6f} s"
            )
    if expected.extradata_sha256 is not None and facts.extradata_sha256 != expected.extradata_sha256:
        return Disagreement("artifact_extradata", "The encoder's parameter sets differ from the task's")
    return None
