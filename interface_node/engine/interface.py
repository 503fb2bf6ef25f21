"""How a model is fed and read: the part of a manifest that the engine needs."""

from typing import Annotated, Literal, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

Side = Annotated[int, Field(ge=16, le=4096)]
Three = tuple[float, float, float]


class Frozen(BaseModel):
    """Frozen, and a misspelt key is an error: manifests are written by hand."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelInput(Frozen):
    """The picture that goes in: `value = (rgb * scale - mean) / std` with `rgb` in 0..1.

    `mean` and `std` are in the order of `colour`. `resize` says how a frame becomes `width` x `height`: by `stretch`,
    whatever its shape is; by `pad`, with black around it; or `free`, where the graph takes any sides: then the picture
    keeps the frame's shape, has about as many pixels, and its sides are multiples of `multiple`.
    """

    name: str
    layout: Literal["nchw", "nhwc"] = "nchw"
    width: Side
    height: Side
    colour: Literal["rgb", "bgr"] = "rgb"
    dtype: Literal["float32", "float16"] = "float32"
    scale: float = Field(default=1.0, gt=0)
    mean: Three = (0.0, 0.0, 0.0)
    std: Three = (1.0, 1.0, 1.0)
    resize: Literal["stretch", "pad", "free"] = "stretch"
    multiple: int = Field(default=1, ge=1, le=256)

    @model_validator(mode="after")
    def _std_divides(self) -> Self:
        if min(self.std) <= 0:
            raise ValueError("std must be above zero")
        return self

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height


class ModelOutput(Frozen):
    """The mask that comes out: one channel in any layout, of any size; the first output where `name` is not given.

    `activation` is what is still to do. `minmax` stretches each frame so that its least is 0 and its most is 1, as the
    tools for stills do; in a video the mask then flickers with whatever else is in the frame.
    """

    name: str | None = None
    activation: Literal["none", "sigmoid", "minmax"] = "none"


class ModelState(Frozen):
    """A recurrent tensor: `output` of one frame is `input` of the next, zeros of `shape` before the first.

    Its dtype is what the file says.
    """

    input: str
    output: str
    shape: tuple[int, ...] = (1, 1, 1, 1)


class ModelInterface(Frozen):
    """Everything the engine must know about one model.

    `constants` are inputs of one number that never change. `warmup_frames` are the frames before a segment that a model
    with memory must see, so that its masks are those of the whole video.
    """

    input: ModelInput
    output: ModelOutput
    states: tuple[ModelState, ...] = ()
    constants: dict[str, float] = {}
    warmup_frames: int = Field(default=0, ge=0, le=1000)

    @model_validator(mode="after")
    def _memory_warms_up(self) -> Self:
        if self.states and not self.warmup_frames:
            raise ValueError("a model with states needs warmup_frames")
        return self


class Segmenter(Protocol):
    """One stream of frames through one model. Not for two threads at once; open one for each stream."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture that `alpha` takes."""

    def alpha(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        """`rgb: float32 [3, h, w], 0..1` of one upright frame -> `alpha: float32 [h, w], 0..1`, 1 is the person."""

    def stop(self) -> None:
        """Let an `alpha` that is running in another thread end early with `Cancelled`."""


@runtime_checkable
class FitsFrames(Protocol):
    """A segmenter that may want to keep the shape of its frames."""

    def fit(self, width: int, height: int) -> None:
        """Frames will have this shape, upright and as they are shown. Before the first of them; `size` may change."""


def fit(segmenter: Segmenter, width: int, height: int) -> None:
    """Tell the shape of the frames to a segmenter that cares."""
    if isinstance(segmenter, FitsFrames):
        segmenter.fit(width, height)
