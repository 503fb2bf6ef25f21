"""Whether the bytes that a node sent are what the plan asked for. Pure: facts in, the first disagreement out."""

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, NamedTuple

from coordinator.domain.media import ImageFacts, VideoFacts
from protocol.states import Output, StepKind
from protocol.work import FrameRange

CONTAINERS: Final = {
    Output.COMPOSITE: frozenset({"mp4", "mov", "matroska"}),
    Output.MASK: frozenset({"mp4", "mov", "matroska"}),
    Output.FOREGROUND: frozenset({"webm", "matroska", "mov", "mp4"}),
}
PART_CONTAINERS: Final = {
    Output.COMPOSITE: frozenset({"mp4"}),
    Output.MASK: frozenset({"mp4"}),
    Output.FOREGROUND: frozenset({"webm", "mov"}),
}
"""What `assemble` joins by stream copy."""
MOST_TOLERANCE_S: Final = Fraction(15, 10_000)
"""A time is right within one tick of the file, but no further than this: matroska and WebM keep whole milliseconds."""


class Disagreement(NamedTuple):
    """A stable code and one sentence."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What the plan says of one output. `width`, `height` and `sar` are the source's, in storage orientation.

    `pts` are the times of the step's frames in the source, as far as they are known; `sounds` is how many audio streams
    a file with all frames carries, None where nobody knows.
    """

    kind: StepKind
    output: Output
    range: FrameRange | None
    width: int
    height: int
    sar: Fraction
    extradata_sha256: str | None
    pts: Sequence[int] = ()
    sounds: int | None = None

    @property
    def partial(self) -> bool:
        """Whether the file holds a piece of the video, which another step joins with the rest."""
        cut = self.range is not None and (self.range.start_pts is not None or self.range.end_pts is not None)
        return cut and self.kind is StepKind.SEGMENT


def within(pts: Sequence[int], span: FrameRange) -> Sequence[int]:
    """The times of the source's frames that belong to a step; none when the plan counted others."""
    start = 0 if span.start_pts is None else bisect_left(pts, span.start_pts)
    end = len(pts) if span.end_pts is None else bisect_left(pts, span.end_pts)
    return pts[start:end] if end - start == span.frames else ()


def check(expected: Expected, facts: VideoFacts | ImageFacts, pts: Sequence[int]) -> Disagreement | None:
    """The first thing that is wrong with a file, or None. `pts` are the file's own, ascending, in its time base."""
    if expected.kind is StepKind.IMAGE:
        return _check_image(expected, facts)
    if not isinstance(facts, VideoFacts):
        return Disagreement("artifact_container", "The result is a picture, not a video")
    if facts.container not in (PART_CONTAINERS if expected.partial else CONTAINERS)[expected.output]:
        return Disagreement("artifact_container", f"A {expected.output} cannot be a {facts.container} file")
    return (
        _check_size(expected, facts.width, facts.height)
        or _check_frames(expected, facts, pts)
        or _check_sounds(expected, facts)
        or _check_extradata(expected, facts)
    )


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
    if plan.first_pts is None or plan.last_pts is None:
        return None
    if len(pts) != plan.frames:
        return Disagreement("artifact_pts", "The frames have no timestamps")
    if expected.pts:
        return _check_times(expected.pts, Fraction(plan.time_base), pts, Fraction(facts.time_base))
    ends, found = (plan.first_pts, plan.last_pts), (pts[0], pts[-1])
    return _check_times(ends, Fraction(plan.time_base), found, Fraction(facts.time_base))


def _check_times(wanted: Sequence[int], base: Fraction, found: Sequence[int], own: Fraction) -> Disagreement | None:
    """Each frame as long after the first as in the source, in whole numbers of both time bases."""
    common = base.denominator * own.denominator
    allowed = int(min(own, MOST_TOLERANCE_S) * common)
    scale, own_scale = base.numerator * own.denominator, own.numerator * base.denominator
    origin = wanted[0] * scale - found[0] * own_scale
    pairs = enumerate(zip(wanted, found, strict=True))
    wrong = next((n for n, (a, b) in pairs if abs(a * scale - b * own_scale - origin) > allowed), None)
    if wrong is None:
        return None
    shown, due = float((found[wrong] - found[0]) * own), float((wanted[wrong] - wanted[0]) * base)
    which = "last frame" if wrong == len(wanted) - 1 else f"frame {wrong}"
    return Disagreement("artifact_pts", f"The {which} comes at {shown:.6f} s instead of {due:.6f} s")


def _check_sounds(expected: Expected, facts: VideoFacts) -> Disagreement | None:
    """The sound travels with the whole composite and with nothing else."""
    if expected.output is not Output.COMPOSITE or expected.sounds is None:
        return None
    sounds, wanted = count_sounds(facts.streams), 0 if expected.partial else expected.sounds
    if sounds != wanted:
        return Disagreement("artifact_streams", f"The file has {sounds} audio streams instead of {wanted}")
    return None


def count_sounds(streams: Sequence[Mapping[str, Any]]) -> int:
    """How many of a file's streams, as the probe lists them, are sound."""
    return sum(stream.get("type") == "audio" for stream in streams)


def _check_extradata(expected: Expected, facts: VideoFacts) -> Disagreement | None:
    if expected.extradata_sha256 is not None and facts.extradata_sha256 != expected.extradata_sha256:
        return Disagreement("artifact_extradata", "The encoder's parameter sets differ from the task's")
    return None


def outvoted(backers: Set[str], dissenters: Set[str], able: Collection[str], *, last_try: bool) -> bool:
    """Whether parameter sets that a finished segment fixed give way to those that other nodes made: more nodes have
    these, or nobody who has the fixed ones can work now and the step would be given up."""
    return len(dissenters) > len(backers) or (last_try and not backers & set(able))
