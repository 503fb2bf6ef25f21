"""Each model of the catalogue is fed and read as its makers publish it.

The files are too large to fetch for a test, so small graphs with their names, shapes and dtypes stand in. What goes in
and comes out is computed here in plain numpy, from the makers' own scripts and not from the manifests.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import helper

from interface_node.engine.fitting import fitted
from interface_node.engine.interface import fit
from interface_node.engine.session import load
from interface_node.models import catalogue
from interface_node.models.manifest import UrlSource
from tests.interface_node.engine import graphs
from tests.interface_node.engine.graphs import FLOAT, HALF, WEIGHTS

Array = NDArray[np.float64]


class Published(NamedTuple):
    """A file as its makers describe it: names, sides, outputs, what its answer is; `frame` where sides follow it."""

    picture: str
    outputs: Sequence[str]
    sides: tuple[int, int]
    prepared: Callable[[NDArray[np.uint8]], Array]
    logits: bool = False
    frame: tuple[int, int] | None = None
    kind: int = FLOAT


def imagenet(picture: NDArray[np.uint8]) -> Array:
    """U-2-Net's `ToTensorLab`, flag 0, and torchvision's `Normalize` in BiRefNet's demo."""
    made = picture / 255.0
    made[:, :, 0] = (made[:, :, 0] - 0.485) / 0.229
    made[:, :, 1] = (made[:, :, 1] - 0.456) / 0.224
    made[:, :, 2] = (made[:, :, 2] - 0.406) / 0.225
    return made


def centred(picture: NDArray[np.uint8]) -> Array:
    """DIS, `Inference.py`: `normalize(image / 255, [0.5, 0.5, 0.5], [1.0, 1.0, 1.0])`."""
    return np.asarray(picture / 255.0 - 0.5)


def signed(picture: NDArray[np.uint8]) -> Array:
    """MODNet, `onnx/inference_onnx.py`: `(im - 127.5) / 127.5`."""
    return np.asarray((picture - 127.5) / 127.5)


def unit(picture: NDArray[np.uint8]) -> Array:
    """BEN2, `onnx_run.py`, and Robust Video Matting: torchvision's `ToTensor` and nothing else."""
    return np.asarray(picture / 255.0)


SEVEN = [str(number) for number in range(1959, 1966)]
TWELVE = ["output_image", *(str(number) for number in range(2008, 2019))]
PUBLISHED = {
    "u2net": Published("input.1", SEVEN, (320, 320), imagenet),
    "u2netp": Published("input.1", SEVEN, (320, 320), imagenet),
    "silueta": Published("input.1", SEVEN, (320, 320), imagenet),
    "isnet": Published("input_image", TWELVE, (1024, 1024), centred),
    "modnet": Published("input", ["output"], (896, 512), signed, frame=(1920, 1080)),
    "birefnet": Published("input_image", ["output_image"], (1024, 1024), imagenet, logits=True),
    "birefnet-portrait": Published("input_image", ["output_image"], (1024, 1024), imagenet, logits=True),
    "birefnet-matting": Published("input_image", ["output_image"], (1024, 1024), imagenet, logits=True),
    "birefnet-lite": Published("input_image", ["output_image"], (1024, 1024), imagenet, logits=True),
    "ben2": Published("input.1", ["17728"], (1024, 1024), unit, kind=HALF),
}


def stand_in(path: Path, model: Published) -> Path:
    """A graph with the model's signature. Its first output is the mask, the others are its negative."""
    width, height = model.sides
    sides: tuple[int | str, ...] = ("batch", 3, "height", "width") if model.frame else (1, 3, height, width)
    nodes = graphs.person(model.picture, "logit")
    nodes.append(helper.make_node("Identity" if model.logits else "Sigmoid", ["logit"], ["answer"]))
    nodes.append(helper.make_node("Cast", ["answer"], [model.outputs[0]], to=model.kind))
    nodes += [helper.make_node("Neg", ["answer"], [name]) for name in model.outputs[1:]]
    mask = (sides[0], 1, *sides[2:])
    kinds = [model.kind, *(FLOAT for _ in model.outputs[1:])]
    outputs = {name: (kind, mask) for name, kind in zip(model.outputs, kinds, strict=True)}
    return graphs.save(path, nodes, {model.picture: (FLOAT, sides)}, outputs)


def expected(model: Published, picture: NDArray[np.uint8]) -> Array:
    """The whole of it in numpy: `uint8 [h, w, 3]` -> mask `[h, w]`."""
    red, green, blue = np.moveaxis(model.prepared(picture), 2, 0)
    logit = red * WEIGHTS[0] + green * WEIGHTS[1] + blue * WEIGHTS[2]
    return np.asarray(1 / (1 + np.exp(-logit)))


def as_pipeline(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """As the pipeline hands it to the engine."""
    return np.ascontiguousarray(np.moveaxis(picture, 2, 0) / np.float32(255), np.float32)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_model_is_fed_and_read_as_its_makers_publish_it(tmp_path: Path, name: str) -> None:
    model, interface = PUBLISHED[name], catalogue.find(tmp_path, name).interface
    width, height = model.sides
    picture = np.random.default_rng(5).integers(0, 256, (height, width, 3)).astype(np.uint8)
    stream = load(stand_in(tmp_path / "m.onnx", model), interface, "cpu").segmenter()
    if model.frame:
        fit(stream, *model.frame)
    assert stream.size == model.sides
    mask = stream.alpha(as_pipeline(picture))
    assert mask.dtype == np.float32
    tolerance = 1e-3 if model.kind == HALF else 1e-5
    assert np.abs(mask - expected(model, picture)).max() < tolerance
    assert mask.std() > 0.1


@pytest.mark.parametrize(
    ("name", "frame", "size"),
    [
        ("modnet", (1080, 1920), (512, 896)),
        ("modnet", (640, 480), (768, 576)),
        ("rvm", (1920, 1080), (1280, 720)),
        ("rvm", (1080, 1920), (720, 1280)),
        ("rvm-small", (1280, 720), (512, 288)),
        ("isnet", (1920, 1080), (1024, 1024)),
    ],
)
def test_models_with_free_sides_keep_the_shape_of_the_frame(
    tmp_path: Path, name: str, frame: tuple[int, int], size: tuple[int, int]
) -> None:
    assert fitted(catalogue.find(tmp_path, name).interface.input, frame).picture == size


def test_every_model_that_is_downloaded_has_a_hash_a_size_and_a_word_on_commercial_use(tmp_path: Path) -> None:
    downloaded = {id_: one for id_, one in catalogue.known(tmp_path).items() if isinstance(one.source, UrlSource)}
    assert set(downloaded) == {*PUBLISHED, "rvm", "rvm-small"}
    for manifest in downloaded.values():
        assert isinstance(manifest.source, UrlSource)
        assert manifest.source.sha256
        assert manifest.source.size_bytes
        assert manifest.commercial_note


def test_no_model_of_the_catalogue_stretches_each_frame_for_itself(tmp_path: Path) -> None:
    assert not [m.id for m in catalogue.known(tmp_path).values() if m.interface.output.activation == "minmax"]
