"""What the node's tests share: the real default model, loaded once, and real footage where it is to be had."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from interface_node.engine.session import ModelSession, load
from interface_node.errors import DownloadFailed
from interface_node.models import catalogue, store, wheel
from interface_node.models.manifest import WheelSource
from interface_node.settings import from_environment
from scripts import samples

Mask = NDArray[np.float32]
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def cache() -> Path:
    """$SEGFLEET_CACHE: models and samples stay there between runs, as they do for users."""
    environment = {name: os.environ[name] for name in ("SEGFLEET_CACHE",) if name in os.environ}
    return from_environment(environment=environment).segfleet_cache


@pytest.fixture(scope="session")
def selfie_path(cache: Path) -> Path:
    """The converted default model."""
    try:
        return store.pull(cache, catalogue.find(cache, "selfie"))
    except DownloadFailed as error:
        pytest.skip(f"THE DEFAULT MODEL CANNOT BE HAD: {error.detail}")


@pytest.fixture(scope="session")
def selfie(cache: Path, selfie_path: Path) -> ModelSession:
    """The default model at 256x256 on the CPU, warm."""
    return load(selfie_path, catalogue.find(cache, "selfie").interface, "cpu")


@pytest.fixture(scope="session")
def sample_clip(cache: Path) -> Path:
    """A real talking head: 120 frames, 176x144."""
    try:
        return samples.clip(cache)
    except DownloadFailed as error:
        pytest.skip(f"THE SAMPLE CLIP CANNOT BE HAD: {error.detail}")


@pytest.fixture(scope="session")
def juggle() -> Path:
    """A real person outdoors: 247 frames, 1280x720. Lies beside the repository on the builders' machines only."""
    path = SHARED / "juggle.mp4"
    if not path.is_file():
        pytest.skip("THERE IS NO shared/data/juggle.mp4 BESIDE THE REPOSITORY: real 720p footage is not tested")
    return path


@pytest.fixture(scope="session")
def tflite_file(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default model as its makers ship it."""
    source = catalogue.find(cache, "selfie").source
    assert isinstance(source, WheelSource)
    kept = cache / "samples" / "selfie_segmentation.tflite"
    if kept.is_file() and hashlib.sha256(kept.read_bytes()).hexdigest() == source.sha256:
        return kept
    try:
        data = wheel.fetch_member(source)
    except DownloadFailed as error:
        pytest.skip(f"THE DEFAULT MODEL CANNOT BE HAD: {error.detail}")
    part = tmp_path_factory.mktemp("model") / "selfie.tflite"
    part.write_bytes(data)
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(part, kept)
    return part


@pytest.fixture(scope="session")
def oracle(tflite_file: Path) -> Callable[[Mask], Mask]:
    """`float32 [3, 256, 256]` -> `float32 [256, 256]` by the runtime that the model was made for."""
    interpreter = Interpreter(model_path=str(tflite_file))
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def mask(picture: Mask) -> Mask:
        interpreter.set_tensor(source, np.ascontiguousarray(picture.transpose(1, 2, 0)[None]))
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(target).reshape(256, 256), np.float32)

    return mask
