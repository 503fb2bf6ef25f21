"""One model, loaded and run on one picture: what `segfleet models check` shows."""

import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from interface_node.engine.sameness import ellipse
from interface_node.engine.session import ModelSession, SessionSegmenter, load
from interface_node.models import catalogue, store
from interface_node.models.manifest import FileSource, Manifest
from interface_node.pipeline.still import encode_picture, read_picture


class Trial(NamedTuple):
    """What was found. Times in seconds; `mask` is that of the last frame, `float32 [h, w], 0..1`."""

    manifest: Manifest
    model: ModelSession
    times: list[float]
    mask: NDArray[np.float32]


def tried(cache: Path, name: str, picture: Path | None, device: str, frames: int) -> Trial:
    """Load and run the model of a manifest file or of a name. NodeError says what is wrong with it.

    A file beside its manifest is taken as by `pull`; what would have to be downloaded must have been.
    """
    manifest = catalogue.named(cache, name)
    here = store.pull if isinstance(manifest.source, FileSource) else store.onnx_path
    model = load(here(cache, manifest), manifest.interface, device)
    stream = model.segmenter()
    rgb = ellipse(*stream.size) if picture is None else _fitted(read_picture(picture), stream)
    times, mask = [], np.zeros(stream.size[::-1], np.float32)
    for _ in range(frames):
        began = time.monotonic()
        mask = stream.alpha(rgb)
        times.append(time.monotonic() - began)
    return Trial(manifest, model, times, mask)


def facts(trial: Trial) -> Iterator[tuple[str, str]]:
    """Each fact with its name, as people read them."""
    interface, signature = trial.manifest.interface, trial.model.signature
    used = {signature.mask(interface).name, *(state.output for state in interface.states)}
    yield "model", f"{trial.manifest.id}: {trial.manifest.title}"
    yield "licence", f"{trial.manifest.licence}. {trial.manifest.commercial_note}".strip()
    yield from (("input", str(tensor)) for tensor in signature.inputs)
    yield from (("output", str(tensor) + ("" if tensor.name in used else ", not used")) for tensor in signature.outputs)
    yield "runs on", f"{trial.model.provider} ({trial.model.device.label})"
    yield "load and first run", f"{trial.model.load_s:.2f} s"
    width, height = trial.mask.shape[::-1] if interface.input.resize == "free" else interface.input.size
    milliseconds = f"{statistics.median(trial.times) * 1000:.1f} ms"
    yield "a frame", f"{milliseconds} at {width}x{height}, the median of {len(trial.times)}, one thread on a CPU"
    low, mean, high = (float(number) for number in (trial.mask.min(), trial.mask.mean(), trial.mask.max()))
    yield "mask", f"from {low:.3f} to {high:.3f}, {mean:.1%} of the picture"


def mask_png(trial: Trial) -> bytes:
    """The mask as a grey picture of the size that the model saw the picture in."""
    return encode_picture(np.rint(trial.mask * 255).astype(np.uint8), "png")


def _fitted(picture: NDArray[np.uint8], stream: SessionSegmenter) -> NDArray[np.float32]:
    """The picture in the shape that the pipeline gives it, `float32 [3, h, w], 0..1`."""
    stream.fit(picture.shape[1], picture.shape[0])
    pixels = cv2.resize(picture[:, :, :3], stream.size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1) / np.float32(255), np.float32)
