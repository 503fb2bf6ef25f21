"""One loaded model, warm and shared by threads, and the streams of frames that run through it."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import structlog
from numpy.typing import NDArray

from interface_node.engine.fitting import fitted
from interface_node.engine.interface import ModelInterface
from interface_node.engine.lean import lean
from interface_node.engine.mask import read
from interface_node.engine.picture import PictureInput, inside
from interface_node.engine.providers import CPU, Device, choose
from interface_node.engine.sameness import say_the_same
from interface_node.engine.signature import Signature
from interface_node.errors import Cancelled, EngineFailed, ModelInvalid, ProviderUnavailable

_log = structlog.get_logger(__name__)


class ModelSession:
    """A model on its device. Safe for any number of threads; each stream of frames opens its own `segmenter()`."""

    def __init__(self, session: ort.InferenceSession, interface: ModelInterface, device: Device, load_s: float) -> None:
        self.session = session
        self.interface = interface
        self.device = device
        self.load_s = load_s
        self.signature = Signature.of(session)

    @property
    def provider(self) -> str:
        """The provider that really runs, as onnxruntime says."""
        return str(self.session.get_providers()[0])

    def segmenter(self) -> "SessionSegmenter":
        """A fresh stream, with recurrent states at zero."""
        return SessionSegmenter(self)


class SessionSegmenter:
    """`Segmenter` over an onnxruntime session."""

    def __init__(self, model: ModelSession) -> None:
        self._session = model.session
        self._interface = model.interface
        self._options = ort.RunOptions()
        self._stopped = False
        self._place = fitted(model.interface.input, None)
        self._picture = PictureInput(model.interface.input, self._place)
        states, signature = model.interface.states, model.signature
        self._wanted = [signature.mask(model.interface).name, *(state.output for state in states)]
        self._feed: dict[str, NDArray[Any]] = {
            **{
                name: np.array([value], signature.input(name).dtype)
                for name, value in self._interface.constants.items()
            },
            **{state.input: np.zeros(state.shape, signature.input(state.input).dtype) for state in states},
        }

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture that `alpha` takes."""
        return self._place.picture

    def fit(self, width: int, height: int) -> None:
        """Frames will have this shape, upright and as they are shown: `size` follows where the manifest wants it."""
        self._place = fitted(self._interface.input, (width, height))
        self._picture = PictureInput(self._interface.input, self._place)

    def alpha(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        """`rgb: float32 [3, h, w], 0..1` -> `alpha: float32 [h, w], 0..1`; Cancelled after `stop`."""
        width, height = self.size
        if rgb.shape != (3, height, width):
            raise EngineFailed(f"the picture is {list(rgb.shape)}, the model takes {[3, height, width]}")
        self._feed[self._interface.input.name] = self._picture(rgb)
        try:
            mask, *states = self._session.run(self._wanted, self._feed, self._options)
        except Exception as error:
            if self._stopped:
                raise Cancelled("stopped in the middle of a frame") from error
            raise EngineFailed(f"the model failed on a frame: {error}") from error
        for state, value in zip(self._interface.states, states, strict=True):
            self._feed[state.input] = value
        whole = read(mask, self._interface.output, self._place.canvas)
        return whole[inside(self._place)]

    def stop(self) -> None:
        """Let an `alpha` that is running in another thread end early with `Cancelled`."""
        self._stopped = True
        self._options.terminate = True


def load(path: Path, interface: ModelInterface, device: str = "auto", threads: int = 1) -> ModelSession:
    """Load `path` on `device`, run it and return it warm.

    One thread inside a frame: several frames at once use the cores better (2.0 ms a frame against 3.6), and a spinning
    pool takes them away from the decoder and the encoder. ProviderUnavailable when the device cannot be had,
    ModelInvalid when the file is not what its manifest says.
    """
    began = time.monotonic()
    chosen = choose(device)
    if not path.is_file():
        raise ModelInvalid(f"{path.name} is not there")
    try:
        session = _open(path, interface, chosen, threads)
    except Exception as error:
        raise ModelInvalid(f"{path.name} cannot be loaded: {error}") from error
    if session.get_providers()[0] != chosen.provider:
        raise ProviderUnavailable(f"asked for {chosen.provider}, onnxruntime took {session.get_providers()[0]}")
    loaded = ModelSession(session, interface, chosen, 0.0)
    loaded.signature.check(interface)
    _warm(loaded)
    loaded.load_s = time.monotonic() - began
    return loaded


def _open(path: Path, interface: ModelInterface, device: Device, threads: int) -> ort.InferenceSession:
    """On the CPU the lean form of a small network, if it has one."""
    options = _options(interface, threads)
    found = _open_lean(path, interface, options) if device.provider == CPU else None
    return found or ort.InferenceSession(str(path), options, providers=device.providers())


def _open_lean(path: Path, interface: ModelInterface, options: ort.SessionOptions) -> ort.InferenceSession | None:
    """None where it has none, or where that does not say the same as the file does."""
    try:
        data = lean(path, interface)
        if data is None:
            return None
        session = ort.InferenceSession(data, options, providers=[CPU])
        rewritten, plain = (_stream(one, interface) for one in (session, _plain(path)))
        if say_the_same(rewritten.alpha, plain.alpha, interface.input.size):
            return session
    except Exception as error:  # noqa: BLE001 whatever broke: the file itself may be fine, and is loaded as it is
        _log.warning("lean_model_failed", model=path.name, why=str(error))
        return None
    _log.warning("lean_model_differs", model=path.name)
    return None


def _plain(path: Path) -> ort.InferenceSession:
    """As it is in the file, untouched by onnxruntime either: soon loaded, and slow."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(str(path), options, providers=[CPU])


def _stream(session: ort.InferenceSession, interface: ModelInterface) -> SessionSegmenter:
    return ModelSession(session, interface, Device(CPU), 0.0).segmenter()


def _options(interface: ModelInterface, threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Robust Video Matting calls the sides of its states by the names of the picture's sides, and onnxruntime takes
    # equal names for equal sizes where it lets tensors share memory.
    options.enable_mem_reuse = not interface.states
    return options


def _warm(loaded: ModelSession) -> None:
    """The first run allocates and, on CUDA, compiles: not while a user's first frame waits. A recurrent model takes
    another way with its second frame, whose states have their real sizes."""
    width, height = loaded.interface.input.size
    picture = np.linspace(0, 1, 3 * height * width, dtype=np.float32).reshape(3, height, width)  # black has no range
    stream = loaded.segmenter()
    for _ in range(_warm_runs(loaded)):
        try:
            stream.alpha(picture)
        except EngineFailed as error:
            raise ModelInvalid(f"the model does not run: {error.detail}") from error


def _warm_runs(loaded: ModelSession) -> int:
    if loaded.device.provider != CPU:
        return 3
    return 2 if loaded.interface.states else 1
