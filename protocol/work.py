"""What a node is asked to do: the document of `POST /process`, and of an answer to `interfaces/next`."""

from typing import Annotated, Literal

from pydantic import Field

from protocol.base import (
    AttemptId,
    Count,
    LongText,
    ModelName,
    Sha256,
    StepId,
    TaskId,
    WireModel,
)
from protocol.states import Output, StepKind

Fit = Literal["cover", "contain", "stretch"]
ImageFormat = Literal["png", "webp", "jpeg"]
Color = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
TwoColors = Annotated[tuple[Color, ...], Field(min_length=2, max_length=2)]
Angle = Annotated[float, Field(ge=-360, le=360, allow_inf_nan=False)]


class Source(WireModel):
    """A file to read. `url` is a path below the coordinator's address; `size` in bytes."""

    url: LongText
    etag: str = Field(max_length=128)
    sha256: Sha256
    size: Count


class FrameRange(WireModel):
    """The frames of one step, half open: `start_pts <= pts < end_pts` in `time_base`; None is the stream's end.

    `frames`, `first_pts` and `last_pts` are what the plan expects; a node compares them before it reports success.
    `frames` 0 means that the container gives no timestamps to plan from and the step is the whole stream.
    """

    stream: int = Field(ge=0, le=63)
    time_base: str = Field(pattern=r"^[1-9][0-9]{0,9}/[1-9][0-9]{0,9}$")
    start_pts: int | None = None
    end_pts: int | None = None
    frames: Count
    first_pts: int | None = None
    last_pts: int | None = None
    warmup_frames: int = Field(default=0, ge=0, le=1000)
    lookahead_frames: int = Field(default=0, ge=0, le=1000)


class ImageBackground(WireModel):
    """A still behind the person."""

    kind: Literal["image"] = "image"
    source: Source
    fit: Fit = "cover"


class VideoBackground(WireModel):
    """A moving picture behind the person, looped or held on its last frame; its sound never comes through.

    It begins where the whole source does, for every segment alike: `origin_pts` is the pts of the source's first frame,
    in the time base of the range. None: the first frame of the step.
    """

    kind: Literal["video"] = "video"
    source: Source
    fit: Fit = "cover"
    loop: bool = True
    origin_pts: int | None = None


class ColorBackground(WireModel):
    """One colour, sRGB `#rrggbb`."""

    kind: Literal["color"] = "color"
    color: Color


class GradientBackground(WireModel):
    """One colour that becomes another. `angle` in degrees clockwise, as CSS has it: 0 is upwards, 90 to the right."""

    kind: Literal["gradient"] = "gradient"
    colors: TwoColors
    angle: Angle = 180.0


class BlurBackground(WireModel):
    """The original picture, blurred. `strength` 0..1 of the picture's height / 20."""

    kind: Literal["blur"] = "blur"
    strength: float = Field(default=0.5, ge=0, le=1)


class TransparentBackground(WireModel):
    """No background at all; needs an output that carries alpha."""

    kind: Literal["transparent"] = "transparent"


Background = Annotated[
    ImageBackground | VideoBackground | ColorBackground | GradientBackground | BlurBackground | TransparentBackground,
    Field(discriminator="kind"),
]


class Encoding(WireModel):
    """How outputs are encoded: chosen per task and never per node, because joined parts need equal parameter sets.

    Closed enumerations and bounded numbers only: an encoder's free-text options can write files. `crf` is x264's scale,
    whatever the codec. `fragmented`: mp4 and mov results can be played while they are written; parts never are.
    """

    codec: Literal["h264", "hevc", "av1"] = "h264"
    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"] = "veryfast"
    crf: int = Field(default=20, ge=0, le=51)
    threads: int = Field(default=2, ge=1, le=16)
    foreground: Literal["vp9", "prores"] = "vp9"
    image: ImageFormat = "png"
    fragmented: bool = False


class Refinement(WireModel):
    """What is done to the model's mask and along it; nothing by default. A node older than a field does nothing there.

    `edges`: the mask's edge follows the picture's. `holes`: small enclosed holes are filled. `smooth`: masks stand
    still where the picture does; the node reads the frames that this needs around its range by itself. `decontaminate`:
    at the edge the person has colours of its own, without those of the background that the camera mixed in.
    """

    edges: bool = False
    holes: bool = False
    smooth: bool = False
    decontaminate: bool = False


class Part(WireModel):
    """A finished segment that `assemble` joins."""

    step_id: StepId
    attempt_id: AttemptId
    output: Output
    url: LongText
    sha256: Sha256
    size: Count
    frames: Count
    first_pts: int


class Assignment(WireModel):
    """One attempt: everything that a node needs to know. Paths are resolved against the coordinator's address."""

    attempt_id: AttemptId
    task_id: TaskId
    step_id: StepId
    kind: StepKind
    source: Source
    range: FrameRange | None = None
    background: Background
    model: ModelName
    outputs: tuple[Output, ...] = Field(min_length=1, max_length=3)
    encoding: Encoding
    refinement: Refinement = Refinement()
    parts: tuple[Part, ...] = ()
    upload_urls: dict[Output, LongText]
    callback_url: LongText
    attempt_token: str = Field(min_length=16, max_length=200, repr=False)
    lease_s: float = Field(gt=0, le=3600)


class Accepted(WireModel):
    """The 202 answer to `POST /process`."""

    attempt_id: AttemptId
    boot_id: str = Field(max_length=64)
