"""Which device runs a model, and an honest answer when it cannot.

onnxruntime falls back to the CPU with a log line when CUDA's libraries are missing. Here that is an error which
names the library, unless the device is `auto`, and then the device that was really taken is told.
"""

import contextlib
import ctypes
import functools
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import onnxruntime as ort
from onnx import TensorProto, helper

from interface_node.errors import ProviderUnavailable

ProviderName = Literal["CPUExecutionProvider", "CUDAExecutionProvider"]
CPU: ProviderName = "CPUExecutionProvider"
CUDA: ProviderName = "CUDAExecutionProvider"


class Device(NamedTuple):
    """Where a session runs; `card` means nothing on the CPU."""

    provider: ProviderName
    card: int = 0

    @property
    def label(self) -> str:
        """As people write it: `cpu` or `cuda:0`."""
        return "cpu" if self.provider == CPU else f"cuda:{self.card}"

    def providers(self) -> list[tuple[str, dict[str, str]]]:
        """What `InferenceSession(providers=...)` takes. Never a second choice behind CUDA."""
        if self.provider == CPU:
            return [(CPU, {})]
        return [(CUDA, {"device_id": str(self.card), "cudnn_conv_algo_search": "HEURISTIC"})]


def named(label: str) -> Device:
    """The device of that label, as another process has chosen it; `load` finds out whether it can be had here, too."""
    kind, _, index = label.partition(":")
    return Device(CPU) if kind == "cpu" else Device(CUDA, int(index))


def choose(device: str) -> Device:
    """`auto`, `cpu`, `cuda` or `cuda:N` -> the device; ProviderUnavailable when CUDA was asked for and is not there."""
    if device == "cpu":
        return Device(CPU)
    if device == "auto":
        return Device(CPU) if why_not_cuda(0) else Device(CUDA)
    kind, _, index = device.partition(":")
    if kind != "cuda" or not (index or "0").isdecimal():
        raise ProviderUnavailable(f"there is no device {device!r}: use auto, cpu, cuda or cuda:N")
    card = int(index or "0")
    if reason := why_not_cuda(card):
        raise ProviderUnavailable(f"CUDA cannot be used: {reason}")
    return Device(CUDA, card)


@functools.cache
def why_not_cuda(card: int) -> str:
    """Empty when a session really ran on `card`; otherwise one sentence that names what is missing."""
    if CUDA not in ort.get_available_providers():
        return "this onnxruntime was built without CUDA; install onnxruntime-gpu and remove onnxruntime"
    if missing := missing_library():
        return missing
    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(_identity(), options, providers=Device(CUDA, card).providers())
    except Exception as error:  # noqa: BLE001 onnxruntime raises its own, undocumented classes
        return f"onnxruntime could not start on card {card}: {_first_line(error)}"
    if session.get_providers()[0] != CUDA:
        return f"onnxruntime fell back to {session.get_providers()[0]} on card {card}"
    return ""


def missing_library() -> str:
    """The first shared library that CUDA needs and this machine lacks, in a sentence; empty when all load."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "libcuda.so.1 is missing (install the NVIDIA driver)"
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it could not find; the sentence below says it
        ort.preload_dlls()
    folder = Path(ort.__file__).parent / "capi"
    try:
        ctypes.CDLL(str(folder / "libonnxruntime_providers_shared.so"), mode=ctypes.RTLD_GLOBAL)
        ctypes.CDLL(str(folder / "libonnxruntime_providers_cuda.so"))
    except OSError as error:
        return f"{_library_of(error)} is missing (install segfleet[gpu], or CUDA 13 and cuDNN 9)"
    return ""


def _library_of(error: OSError) -> str:
    return str(error).partition(":")[0].rsplit("/", 1)[-1]


def _first_line(error: Exception) -> str:
    lines: Sequence[str] = str(error).splitlines() or [type(error).__name__]
    return lines[0][:300]


def _identity() -> bytes:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Abs", ["x"], ["y"])], "probe", [value], [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())
