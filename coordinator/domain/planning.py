"""From a probed source to the steps of a task: decided once at submit, from the file and the settings alone."""

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, pairwise
from typing import Final, Literal

from coordinator.domain.timestamps import FrameTimes
from protocol.states import StepKind
from protocol.work import Encoding, FrameRange

Quality = Literal["draft", "standard", "high", "best"]
Codec = Literal["h264", "hevc", "av1"]
PRESETS: Final[dict[Quality, tuple[Literal["ultrafast", "veryfast", "medium", "slow"], int]]] = {
    "draft": ("ultrafast", 28),
    "standard": ("veryfast", 20),
    "high": ("medium", 17),
    "best": ("slow", 12),
}
ENCODER_THREADS: Final = 2
"""Part of the encoding, because x264's bits depend on it and joined parts must have equal parameter sets."""

MOST_SEGMENTS: Final = 500
"""Of one video: a longer one gets longer segments. It bounds the assignment of `assemble`, which names every part."""
MOST_IN_GROUP: Final = 16
"""Segments that begin between two keyframes."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """What the packet pass found: `time_base` as "n/d"; the pts are None for a file without timestamps."""

    stream: int
    time_base: str
    frames: int
    first_pts: int | None
    last_pts: int | None


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step to be stored; `range` is None for a still that is a file of its own."""

    kind: StepKind
    ord: int
    range: FrameRange | None
    frames: int


def segments(timeline: Timeline, seconds: float) -> int:
    """Into how many segments of about `seconds` a video shall be cut: one when it is short or has no timestamps."""
    if timeline.first_pts is None or timeline.last_pts is None:
        return 1
    length = (timeline.last_pts - timeline.first_pts) * Fraction(timeline.time_base)
    return min(MOST_SEGMENTS, max(1, round(length / Fraction(seconds))))


def plan_video(timeline: Timeline, times: FrameTimes | None = None, count: int = 1) -> list[PlannedStep]:
    """The steps of a video: every frame in exactly one of about `count` segments, or all in one without `times`."""
    if times is None or count == 1:
        return [PlannedStep(StepKind.SEGMENT, 0, _whole(timeline), timeline.frames)]
    places = [0, *cuts(times, count), len(times.pts)]
    return [
        PlannedStep(StepKind.SEGMENT, ord_, _part(timeline, times.pts, start, end), end - start)
        for ord_, (start, end) in enumerate(pairwise(places))
    ]


def _whole(timeline: Timeline) -> FrameRange:
    return FrameRange(
        stream=timeline.stream,
        time_base=timeline.time_base,
        frames=0 if timeline.first_pts is None else timeline.frames,
        first_pts=timeline.first_pts,
        last_pts=timeline.last_pts,
    )


def _part(timeline: Timeline, pts: "array[int]", start: int, end: int) -> FrameRange:
    """The frames at the places `start <= place < end`."""
    return FrameRange(
        stream=timeline.stream,
        time_base=timeline.time_base,
        start_pts=pts[start] if start else None,
        end_pts=pts[end] if end < len(pts) else None,
        frames=end - start,
        first_pts=pts[start],
        last_pts=pts[end - 1],
    )


def cuts(times: FrameTimes, count: int) -> list[int]:
    """The places where segments after the first begin, ascending: equally far apart in time, each moved to a keyframe
    within a quarter of a segment, otherwise the first frame there."""
    pts = times.pts
    span = pts[-1] - pts[0]
    length = span + span // max(1, len(pts) - 1)  # the last frame is shown, too
    found: list[int] = []
    for number in range(1, count):
        target = pts[0] + length * number // count
        key = _nearest_key(times, target, length // (4 * count))
        place = bisect_left(pts, target) if key is None else key
        if (found[-1] if found else 0) < place < len(pts):
            found.append(place)
    return _thinned(found, times.keys)


def _nearest_key(times: FrameTimes, target: int, reach: int) -> int | None:
    """The place of the keyframe that is shown next to `target`, not further than `reach` away, or None."""
    pts, keys = times
    after = bisect_left(keys, target, key=pts.__getitem__)
    near = min(keys[max(0, after - 1) : after + 1], key=lambda place: abs(pts[place] - target), default=None)
    return near if near is not None and abs(pts[near] - target) <= reach else None


def _thinned(places: list[int], keys: "array[int]") -> list[int]:
    """Where a keyframe is followed by more than `MOST_IN_GROUP` cuts, every other, every third ... of them stays: each
    node decodes from that keyframe on, so the work would grow with the square of the cuts."""
    kept: list[int] = []
    for _, group in groupby(places, lambda place: bisect_right(keys, place)):
        cut = list(group)
        kept += cut[:: -(-len(cut) // MOST_IN_GROUP)]
    return kept


def plan_still(timeline: Timeline | None, pts: int | None) -> list[PlannedStep]:
    """The step of a still: a picture file, or the frame of a video that is shown at `pts`."""
    if timeline is None or pts is None:
        return [PlannedStep(StepKind.IMAGE, 0, None, 1)]
    frame = FrameRange(
        stream=timeline.stream,
        time_base=timeline.time_base,
        start_pts=pts,
        end_pts=pts + 1,
        frames=1,
        first_pts=pts,
        last_pts=pts,
    )
    return [PlannedStep(StepKind.IMAGE, 0, frame, 1)]


def encoding(
    quality: Quality,
    foreground: Literal["vp9", "prores"],
    image: Literal["png", "webp", "jpeg"],
    codec: Codec = "h264",
    fragmented: bool = False,
) -> Encoding:
    """The encoder and its whole option string, chosen per task and never per node."""
    preset, crf = PRESETS[quality]
    return Encoding(
        codec=codec,
        preset=preset,
        crf=crf,
        threads=ENCODER_THREADS,
        foreground=foreground,
        image=image,
        fragmented=fragmented,
    )
