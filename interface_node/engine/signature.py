"""What a model file says of its inputs and outputs, and whether that is what its manifest says."""

from typing import Any, NamedTuple, Self

import numpy as np
import onnxruntime as ort

from interface_node.engine.interface import ModelInput, ModelInterface
from interface_node.errors import ModelInvalid

DTYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(double)": np.dtype(np.float64),
    "tensor(int32)": np.dtype(np.int32),
    "tensor(int64)": np.dtype(np.int64),
}


class Tensor(NamedTuple):
    """One input or output. `shape` has a number for each fixed side; it is empty when nothing is known."""

    name: str
    kind: str
    shape: tuple[int | str | None, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of its numbers; ModelInvalid when it holds something else."""
        if self.kind not in DTYPES:
            raise ModelInvalid(f"{self.name} is a {self.kind}, which is fed to no model here")
        return DTYPES[self.kind]

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of `shape` fits."""
        return not self.shape or (
            len(self.shape) == len(shape)
            and all(theirs == ours for theirs, ours in zip(self.shape, shape, strict=True) if isinstance(theirs, int))
        )

    def __str__(self) -> str:
        sides = ", ".join("?" if side is None else str(side) for side in self.shape)
        return f"{self.name} {self.kind.removeprefix('tensor(').removesuffix(')')}[{sides}]"


class Signature(NamedTuple):
    """All inputs and outputs, in the file's order."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @classmethod
    def of(cls, session: ort.InferenceSession) -> Self:
        """What onnxruntime read from the file."""
        inputs, outputs = (
            tuple(Tensor(value.name, value.type, tuple(value.shape)) for value in values)
            for values in (session.get_inputs(), session.get_outputs())
        )
        return cls(inputs, outputs)

    def input(self, name: str) -> Tensor:
        """The input of this name."""
        return next(tensor for tensor in self.inputs if tensor.name == name)

    def mask(self, interface: ModelInterface) -> Tensor:
        """The output that is the mask: the one that is named, or the first."""
        return next(tensor for tensor in self.outputs if interface.output.name in (None, tensor.name))

    def check(self, interface: ModelInterface) -> None:
        """ModelInvalid names the first thing in which the file is not what its manifest says."""
        self._check_names(interface)
        _check_picture(self.input(interface.input.name), interface.input)
        for name in interface.constants:
            if not self.input(name).takes((1,)):
                raise ModelInvalid(f"{self.input(name)} is no input of one number, as its manifest says")
        for state in interface.states:
            if not self.input(state.input).takes(state.shape):
                raise ModelInvalid(f"{self.input(state.input)} does not begin as zeros of {list(state.shape)}")
        mask = self.mask(interface)
        if not np.issubdtype(mask.dtype, np.floating):
            raise ModelInvalid(f"{mask} is no mask: it must have float numbers")

    def _check_names(self, interface: ModelInterface) -> None:
        inputs = {tensor.name for tensor in self.inputs}
        named = {interface.input.name, *interface.constants, *(state.input for state in interface.states)}
        if inputs != named:
            raise ModelInvalid(f"the model's inputs are {sorted(inputs)}, its manifest names {sorted(named)}")
        outputs = {tensor.name for tensor in self.outputs}
        mask = {interface.output.name} if interface.output.name else set()
        if missing := mask.union(state.output for state in interface.states) - outputs:
            raise ModelInvalid(f"the model's outputs are {sorted(outputs)}, its manifest names {sorted(missing)}")


def picture_shape(entry: ModelInput, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The shape of a picture of `size` (width, height) as the model takes it."""
    width, height = size
    return (1, 3, height, width) if entry.layout == "nchw" else (1, height, width, 3)


def _check_picture(tensor: Tensor, entry: ModelInput) -> None:
    shape = picture_shape(entry, entry.size)
    if tensor.dtype != np.dtype(entry.dtype):
        raise ModelInvalid(f"the input {tensor} is fed {entry.dtype} by its manifest")
    if not tensor.takes(shape):
        raise ModelInvalid(f"the input {tensor} is fed {list(shape)} by its manifest")
    fixed = [theirs for theirs, ours in zip(tensor.shape, shape, strict=bool(tensor.shape)) if ours not in (1, 3)]
    if entry.resize == "free" and any(isinstance(side, int) for side in fixed):
        raise ModelInvalid(f"the input {tensor} has fixed sides, its manifest says that they are free")
