"""What a user may ask for: backgrounds, options and outputs as values, checked where they enter."""

from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import AfterValidator, AnyHttpUrl, Field, UrlConstraints, model_validator

from coordinator.domain.planning import Codec, Quality, encoding
from protocol.base import Identifier, ModelName, RequestModel
from protocol.states import Output
from protocol.work import Angle, Color, Encoding, Fit, ImageFormat, Refinement, TwoColors


class MediaChoice(RequestModel):
    """A background from the user's own library: a still or a video, whichever the file is. A video is looped, or held
    on its last frame."""

    kind: Literal["image", "video"]
    id: Identifier
    fit: Fit = "cover"
    loop: bool = True


class ColorChoice(RequestModel):
    """One colour."""

    kind: Literal["color"]
    color: Color


class GradientChoice(RequestModel):
    """One colour that becomes another; `angle` in degrees clockwise, 0 is upwards and 90 to the right."""

    kind: Literal["gradient"]
    colors: TwoColors
    angle: Angle = 180.0


class BlurChoice(RequestModel):
    """The original picture, blurred."""

    kind: Literal["blur"]
    strength: float = Field(default=0.5, ge=0, le=1)


class TransparentChoice(RequestModel):
    """No background: for outputs that carry alpha, or need none."""

    kind: Literal["transparent"]


BackgroundChoice = Annotated[
    MediaChoice | ColorChoice | GradientChoice | BlurChoice | TransparentChoice, Field(discriminator="kind")
]


class Options(RequestModel):
    """How outputs are made: closed choices and bounded numbers only."""

    quality: Quality = "standard"
    codec: Codec = "h264"
    foreground: Literal["vp9", "prores"] = "vp9"
    image_format: ImageFormat = "png"
    fragmented: bool = False
    refine_edges: bool = False
    fill_holes: bool = False
    smooth: bool = False
    decontaminate: bool = False

    def encoding(self) -> Encoding:
        """What nodes are told."""
        return encoding(self.quality, self.foreground, self.image_format, self.codec, self.fragmented)

    def refinement(self) -> Refinement:
        """What nodes do to masks."""
        return Refinement(
            edges=self.refine_edges, holes=self.fill_holes, smooth=self.smooth, decontaminate=self.decontaminate
        )


def lack_of_alpha(background: str | None, outputs: Collection[str], still: bool, options: Options) -> str | None:
    """What is wrong where a composite has nothing behind the person and no alpha to say so; None where all is well."""
    if background != "transparent" or Output.COMPOSITE not in outputs:
        return None
    if not still:
        return "The composite of a video has no alpha for a transparent background: ask for the foreground or the mask"
    if options.image_format == "jpeg":
        return "A JPEG has no alpha for a transparent background: take png or webp"
    return None


def _each_once(outputs: tuple[Output, ...]) -> tuple[Output, ...]:
    if len(set(outputs)) != len(outputs):
        raise ValueError("an output may be named once")
    return outputs


def _without_credentials(url: AnyHttpUrl) -> AnyHttpUrl:
    if url.username is not None or url.password is not None:
        raise ValueError("an address carries no name and no password: messages are signed instead")
    return url


Outputs = Annotated[tuple[Output, ...], Field(min_length=1, max_length=3), AfterValidator(_each_once)]
Priority = Annotated[int, Field(ge=-100, le=100)]
Webhook = Annotated[AnyHttpUrl, UrlConstraints(max_length=1000), AfterValidator(_without_credentials)]


class TaskCreate(RequestModel):
    """`POST tasks`. With video and background in one call the task is submitted at once; otherwise it waits for the
    rest, step by step. `at_s` makes a still of that moment of the video."""

    video_id: Identifier | None = None
    image_id: Identifier | None = None
    at_s: float | None = Field(default=None, ge=0, le=1e6, allow_inf_nan=False)
    background: BackgroundChoice | None = None
    model: ModelName | None = None
    outputs: Outputs = (Output.COMPOSITE,)
    priority: Priority = 0
    options: Options = Field(default_factory=Options)
    webhook_url: Webhook | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "TaskCreate":
        if self.image_id is not None and (self.video_id is not None or self.at_s is not None):
            raise ValueError("image_id stands alone: a task has one source")
        return self

    @property
    def source_id(self) -> str | None:
        """The media that is worked on."""
        return self.video_id or self.image_id

    @property
    def kind(self) -> Literal["video", "image"]:
        """Whether the result moves."""
        return "image" if self.image_id is not None or self.at_s is not None else "video"


class TaskSource(RequestModel):
    """`PUT tasks/{id}/source`."""

    video_id: Identifier


class TaskOptions(RequestModel):
    """`PUT tasks/{id}/options`; what is left out stays as it is."""

    background: BackgroundChoice | None = None
    model: ModelName | None = None
    outputs: Outputs | None = None
    options: Options | None = None
    webhook_url: Webhook | None = None


class TaskPriority(RequestModel):
    """`PUT tasks/{id}/priority`; `klass` only by an administrator."""

    priority: Priority | None = None
    klass: Annotated[int, Field(ge=-100, le=100)] | None = Field(default=None, alias="class")
