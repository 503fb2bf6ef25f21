"""One loaded model, warm and shared by threads, and the streams of frames that run through it."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from interface_node.engine.interface import ModelInterface
from interface_node.engine.providers import CPU, Device, choose
from interface_node.errors import Cancelled, EngineFailed, ModelInvalid, ProviderUnavailable


class ModelSession:
    """A model on its device. Safe for any number of threads; each stream of frames opens its own `segmenter()`."""

    def __init__(self, session: ort.InferenceSession, interface: ModelInterface, device: Device, load_s: float) -> None:
        self.session = session
        self.interface = interface
        self.device = device
        self.load_s = load_s

    @property
    def provider(self) -> str:
        """The provider that really runs, as onnxruntime says."""
        return str(self.session.get_providers()[0])

    def segmenter(self) -> "SessionSegmenter":
        """A fresh stream, with recurrent states at zero."""
        return SessionSegmenter(self.session, self.interface)


class SessionSegmenter:
    """`Segmenter` over an onnxruntime session."""

    def __init__(self, session: ort.InferenceSession, interface: ModelInterface) -> None:
        self._session = session
        self._interface = interface
        self._options = ort.RunOptions()
        self._stopped = False
        self._wanted = [interface.output.name, *(state.output for state in interface.states)]
        self._feed: dict[str, NDArray[Any]] = {
            **{name: np.array([value], np.float32) for name, value in interface.constants.items()},
            **{state.input: np.zeros(state.shape, np.float32) for state in interface.states},
        }

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture that `alpha` takes."""
        return self._interface.input.width, self._interface.input.height

    def alpha(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        """`rgb: float32 [3, h, w], 0..1` -> `alpha: float32 [h, w], 0..1`; Cancelled after `stop`."""
        self._feed[self._interface.input.name] = self._picture(rgb)
        try:
            mask, *states = self._session.run(self._wanted, self._feed, self._options)
        except Exception as error:
            if self._stopped:
                raise Cancelled("stopped in the middle of a frame") from error
            raise EngineFailed(f"the model failed on a frame: {error}") from error
        for state, value in zip(self._interface.states, states, strict=True):
            self._feed[state.input] = value
        return self._mask(mask)

    def stop(self) -> None:
        """Let an `alpha` that is running in another thread end early with `Cancelled`."""
        self._stopped = True
        self._options.terminate = True

    def _picture(self, rgb: NDArray[np.float32]) -> NDArray[Any]:
        entry = self._interface.input
        picture = rgb[::-1] if entry.colour == "bgr" else rgb
        if (entry.scale, entry.mean, entry.std) != (1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)):
            mean, std = (np.array(v, np.float32)[:, None, None] for v in (entry.mean, entry.std))
            picture = (picture * np.float32(entry.scale) - mean) / std
        if entry.layout == "nhwc":
            picture = picture.transpose(1, 2, 0)
        return np.ascontiguousarray(picture[None], dtype=np.dtype(entry.dtype))

    def _mask(self, raw: NDArray[Any]) -> NDArray[np.float32]:
        width, height = self.size
        if raw.size != width * height:
            raise ModelInvalid(f"the model's output is {list(raw.shape)}, not {height} x {width}")
        mask: NDArray[np.float32] = raw.astype(np.float32, copy=False).reshape(height, width)
        if self._interface.output.activation == "sigmoid":
            mask = (1.0 / (1.0 + np.exp(-mask))).astype(np.float32)
        return mask


def load(path: Path, interface: ModelInterface, device: str = "auto", threads: int = 1) -> ModelSession:
    """Load `path` on `device`, run it once and return it warm.

    One thread inside a frame: several frames at once use the cores better (2.0 ms a frame against 3.6), and a spinning
    pool takes them away from the decoder and the encoder. ProviderUnavailable when the device cannot be had,
    ModelInvalid when the file is not what its manifest says.
    """
    began = time.monotonic()
    chosen = choose(device)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(str(path), options, providers=chosen.providers())
    except Exception as error:
        raise ModelInvalid(f"{path.name} cannot be loaded: {error}") from error
    if session.get_providers()[0] != chosen.provider:
        raise ProviderUnavailable(f"asked for {chosen.provider}, onnxruntime took {session.get_providers()[0]}")
    loaded = ModelSession(session, interface, chosen, 0.0)
    _warm(loaded)
    loaded.load_s = time.monotonic() - began
    return loaded


def _warm(loaded: ModelSession) -> None:
    """The first run allocates and, on CUDA, compiles: not while a user's first frame waits."""
    names = {value.name for value in loaded.session.get_inputs()}
    interface = loaded.interface
    wanted = {interface.input.name, *interface.constants, *(state.input for state in interface.states)}
    if names != wanted:
        raise ModelInvalid(f"the model's inputs are {sorted(names)}, its manifest names {sorted(wanted)}")
    width, height = interface.input.width, interface.input.height
    picture = np.zeros((3, height, width), np.float32)
    for _ in range(1 if loaded.device.provider == CPU else 3):
        try:
            loaded.segmenter().alpha(picture)
        except EngineFailed as error:
            raise ModelInvalid(f"the model does not run: {error.detail}") from error
