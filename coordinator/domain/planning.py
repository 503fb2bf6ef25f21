"""From a probed source to the steps of a task: decided once at submit, from the file and the settings alone."""

from dataclasses import dataclass
from typing import Final, Literal

from protocol.states import StepKind
from protocol.work import Encoding, FrameRange

Quality = Literal["draft", "standard", "high", "best"]
PRESETS: Final[dict[Quality, tuple[Literal["ultrafast", "veryfast", "medium", "slow"], int]]] = {
    "draft": ("ultrafast", 28),
    "standard": ("veryfast", 20),
    "high": ("medium", 17),
    "best": ("slow", 12),
}
ENCODER_THREADS: Final = 2
"""Part of the encoding, because x264's bits depend on it and joined parts must have equal parameter sets."""


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


def plan_video(timeline: Timeline) -> list[PlannedStep]:
    """The steps of a video: one segment that holds every frame."""
    whole = FrameRange(
        stream=timeline.stream,
        time_base=timeline.time_base,
        frames=timeline.frames,
        first_pts=timeline.first_pts,
        last_pts=timeline.last_pts,
    )
    return [PlannedStep(StepKind.SEGMENT, 0, whole, timeline.frames)]


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


def encoding(quality: Quality, foreground: Literal["vp9", "prores"], image: Literal["png", "webp", "jpeg"]) -> Encoding:
    """The encoder and its whole option string, chosen per task and never per node."""
    preset, crf = PRESETS[quality]
    return Encoding(preset=preset, crf=crf, threads=ENCODER_THREADS, foreground=foreground, image=image)
