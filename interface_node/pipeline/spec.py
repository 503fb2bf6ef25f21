"""What a run is asked to do and what it answers. Plain frozen values; `protocol` owns the enumerations."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from interface_node.errors import UnsupportedBackground
from interface_node.pipeline.container import Media
from protocol.reports import Stage
from protocol.states import Output
from protocol.work import (
    Background,
    BlurBackground,
    ColorBackground,
    Encoding,
    Fit,
    FrameRange,
    GradientBackground,
    ImageBackground,
    ImageFormat,
    Refinement,
    TransparentBackground,
    VideoBackground,
)


@dataclass(frozen=True)
class Picture:
    """A still on this machine's disk, fitted into the frame."""

    path: Path
    fit: Fit = "cover"


@dataclass(frozen=True)
class Plain:
    """One colour, sRGB 0..255."""

    red: int
    green: int
    blue: int


@dataclass(frozen=True)
class Blur:
    """The original picture, blurred; `strength` 0..1."""

    strength: float = 0.5


@dataclass(frozen=True)
class Gradient:
    """One colour that becomes another. `angle` in degrees clockwise, as CSS has it: 0 upwards, 90 to the right."""

    start: Plain
    end: Plain
    angle: float = 180.0


@dataclass(frozen=True)
class Movie:
    """A moving picture on this machine's disk, looped or held on its last frame.

    `origin` is the pts of the source at which it begins, for every segment alike; None is the source's first frame.
    """

    path: Path
    fit: Fit = "cover"
    loop: bool = True
    origin: int | None = None


@dataclass(frozen=True)
class Transparent:
    """Nothing: the outputs carry alpha, or are masks."""


Backdrop = Picture | Plain | Blur | Gradient | Movie | Transparent


def backdrop(background: Background, file: Path | None) -> Backdrop:
    """The background of an assignment as the pipeline takes it; `file` is its fetched source, where it has one.

    UnsupportedBackground when the file or a colour is missing.
    """
    match background:
        case ColorBackground():
            return plain(background.color)
        case ImageBackground():
            if file is None:
                raise UnsupportedBackground("an image background needs its file")
            return Picture(file, background.fit)
        case VideoBackground():
            if file is None:
                raise UnsupportedBackground("a video background needs its file")
            return Movie(file, background.fit, background.loop, background.origin_pts)
        case BlurBackground():
            return Blur(background.strength)
        case GradientBackground():
            start, end = background.colors
            return Gradient(plain(start), plain(end), background.angle)
        case TransparentBackground():
            return Transparent()


def check_alpha(backdrop: Backdrop, outputs: Collection[Output], still: ImageFormat | None) -> None:
    """UnsupportedBackground: nothing is to be behind the person, in a composite that has no alpha to say so.

    `still` is the format of a picture, None for a video.
    """
    if not isinstance(backdrop, Transparent) or Output.COMPOSITE not in outputs or still in ("png", "webp"):
        return
    kind = "a JPEG has" if still else "the composite of a video has"
    instead = "take png or webp" if still else "ask for the foreground instead"
    raise UnsupportedBackground(f"{kind} no alpha for a transparent background: {instead}")


def plain(color: str) -> Plain:
    """`#rrggbb` -> the colour; UnsupportedBackground when it is not one."""
    digits = color.removeprefix("#")
    if len(digits) != 6 or not color.startswith("#"):
        raise UnsupportedBackground(f"{color!r} is not a colour like #20a060")
    try:
        red, green, blue = bytes.fromhex(digits)
    except ValueError as error:
        raise UnsupportedBackground(f"{color!r} is not a colour like #20a060") from error
    return Plain(red, green, blue)


def warmed_up(wanted: FrameRange | None, frames: int) -> FrameRange | None:
    """The range with as many frames before it as its plan asks for, or `frames` that the model asks for, if more."""
    if wanted is None or wanted.start_pts is None or frames <= wanted.warmup_frames:
        return wanted
    return wanted.model_copy(update={"warmup_frames": frames})


@dataclass(frozen=True)
class RunSpec:
    """One video (or one range of its frames) through one model.

    `outputs` says where each output goes. A composite whose path does not end in `.mkv` is mp4 unless a sound or
    subtitle stream does not fit there; then it is mkv, and the result says the path that was really written. A mask
    whose path ends in `.zip` is a PNG for each frame.
    Without `range`, or with one that is open at both ends, sound and subtitles are copied into the composite.
    """

    source: Media
    background: Backdrop
    outputs: Mapping[Output, Path]
    encoding: Encoding = field(default_factory=Encoding)
    range: FrameRange | None = None
    refinement: Refinement = field(default_factory=Refinement)


@dataclass(frozen=True)
class Progress:
    """Where a run is: `done` and `total` count the stage's own unit. `frames_total` 0 means that nobody knows."""

    stage: Stage
    done: int
    total: int
    frames_done: int
    frames_total: int
    fps: float


OnProgress = Callable[[Progress], None]
IsCancelled = Callable[[], bool]


@dataclass(frozen=True)
class OutputFile:
    """One finished file. `first_pts` and `last_pts` are in `time_base`, the source's; `duration` in seconds."""

    output: Output
    path: Path
    container: str
    sha256: str
    size: int
    frames: int
    width: int
    height: int
    duration: float
    time_base: Fraction
    first_pts: int | None
    last_pts: int | None
    extradata_sha256: str | None


@dataclass(frozen=True)
class RunResult:
    """What a run made. `first_frame_s` and `total_s` are seconds since its start; `fps` is frames over `total_s`."""

    outputs: tuple[OutputFile, ...]
    frames: int
    corrupt_frames: int
    first_frame_s: float
    total_s: float
    fps: float
