"""How a model is fed and read: the part of a manifest that the engine needs."""

from typing import Annotated, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

Side = Annotated[int, Field(ge=16, le=4096)]
Three = tuple[float, float, float]


class Frozen(BaseModel):
    """Frozen, and a misspelt key is an error: manifests are written by hand."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelInput(Frozen):
    """The picture that goes in: `value = (rgb * scale - mean) / std` with `rgb` in 0..1."""

    name: str
    layout: Literal["nchw", "nhwc"] = "nchw"
    width: Side
    height: Side
    colour: Literal["rgb", "bgr"] = "rgb"
    dtype: Literal["float32", "float16"] = "float32"
    scale: float = Field(default=1.0, gt=0)
    mean: Three = (0.0, 0.0, 0.0)
    std: Three = (1.0, 1.0, 1.0)

    @model_validator(mode="after")
    def _std_divides(self) -> Self:
        if min(self.std) <= 0:
            raise ValueError("std must be above zero")
        return self


class ModelOutput(Frozen):
    """The mask that comes out, `[1, 1, h, w]` or any shape with as many numbers; `activation` is still to do."""

    name: str
    activation: Literal["none", "sigmoid"] = "none"


class ModelState(Frozen):
    """A recurrent tensor: `output` of one frame is `input` of the next, zeros of `shape` before the first."""

    input: str
    output: str
    shape: tuple[int, ...] = (1, 1, 1, 1)


class ModelInterface(Frozen):
    """Everything the engine must know about one model; `constants` are scalar inputs that never change."""

    input: ModelInput
    output: ModelOutput
    states: tuple[ModelState, ...] = ()
    constants: dict[str, float] = {}
    warmup_frames: int = Field(default=0, ge=0, le=1000)


class Segmenter(Protocol):
    """One stream of frames through one model. Not for two threads at once; open one for each stream."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture that `alpha` takes."""

    def alpha(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        """`rgb: float32 [3, h, w], 0..1` of one upright frame -> `alpha: float32 [h, w], 0..1`, 1 is the person."""

    def stop(self) -> None:
        """Let an `alpha` that is running in another thread end early with `Cancelled`."""
