"""Still pictures, and single frames of videos, through the same models."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from interface_node.engine.interface import Segmenter, fit
from interface_node.errors import Cancelled
from interface_node.pipeline.background import paint_behind
from interface_node.pipeline.container import Media
from interface_node.pipeline.edges import refined
from interface_node.pipeline.foreground import decontaminated
from interface_node.pipeline.holes import filled
from interface_node.pipeline.moving import first_pts
from interface_node.pipeline.source import open_source
from interface_node.pipeline.spec import (
    Backdrop,
    IsCancelled,
    Movie,
    OnProgress,
    OutputFile,
    Progress,
    RunResult,
    Transparent,
    check_alpha,
)
from interface_node.pipeline.still import KINDS, SUFFIXES, encode_picture, picture_of, read_picture
from interface_node.pipeline.whole_file import write_all
from protocol.states import Output
from protocol.work import FrameRange, ImageFormat, Refinement

Rgb = NDArray[np.uint8]
AS_IT_IS: Final = Refinement()


@dataclass(frozen=True)
class ImageSpec:
    """One picture through one model.

    The source is a JPEG, PNG or WebP file; with `range`, the first frame of that range of a video. A foreground needs
    alpha: where `format` is jpeg, it becomes a png. Paths that are not named for their format get its suffix.
    """

    source: Media
    background: Backdrop
    outputs: Mapping[Output, Path]
    format: ImageFormat = "png"
    range: FrameRange | None = None
    refinement: Refinement = field(default_factory=Refinement)


def run_image(spec: ImageSpec, segmenter: Segmenter, progress: OnProgress, cancelled: IsCancelled) -> RunResult:
    """Do what `spec` says; Cancelled when `cancelled()` before the files are written, NodeErrors as in `run`."""
    check_alpha(spec.background, spec.outputs.keys(), spec.format)
    began = time.monotonic()
    progress(Progress("process", 0, 1, 0, 1, 0.0))
    picture = _source(spec, cancelled)
    mask = alpha_of(picture, segmenter, spec.refinement)
    if cancelled():
        raise Cancelled("cancelled while the picture was processed")
    first = time.monotonic() - began
    kinds = {output: _kind(spec, output) for output in spec.outputs}
    paths = {output: _named(path, kinds[output]) for output, path in spec.outputs.items()}
    data = {output: encode_picture(_pixels(spec, output, picture, mask), kind) for output, kind in kinds.items()}
    write_all({path: data[output] for output, path in paths.items()})
    files = [_described(output, path, kinds[output], data[output], mask) for output, path in paths.items()]
    total = time.monotonic() - began
    progress(Progress("process", 1, 1, 1, 1, 1 / total))
    return RunResult(tuple(files), 1, 0, first, total, 1 / total)


def alpha_of(picture: Rgb, segmenter: Segmenter, refinement: Refinement = AS_IT_IS) -> NDArray[np.uint8]:
    """`uint8 [h, w, 3 or 4]` RGB or RGBA, upright -> `uint8 [h, w]` of the same size; own alpha is kept as a limit."""
    height, width = picture.shape[:2]
    fit(segmenter, width, height)
    small = cv2.resize(picture[:, :, :3], segmenter.size, interpolation=cv2.INTER_AREA)
    mask = segmenter.alpha(np.ascontiguousarray(small.astype(np.float32).transpose(2, 0, 1) / np.float32(255)))
    codes = np.clip(np.rint(mask * np.float32(255)), 0, 255).astype(np.uint8)
    if refinement.holes:
        codes = filled(codes)
    if refinement.edges:
        full = refined(codes, np.asarray(cv2.cvtColor(picture[:, :, :3], cv2.COLOR_RGB2GRAY), np.uint8))
    else:
        full = np.asarray(cv2.resize(codes, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    if picture.shape[2] == 4:
        full = np.asarray(cv2.multiply(full, np.ascontiguousarray(picture[:, :, 3]), scale=1 / 255), np.uint8)
    return full


def _source(spec: ImageSpec, cancelled: IsCancelled) -> Rgb:
    if spec.range is not None:
        first_only = spec.range.model_copy(update={"frames": 0, "warmup_frames": 0, "lookahead_frames": 0})
        with open_source(spec.source, first_only, cancelled) as source:
            return _upright(next(source.frames).frame)
    assert isinstance(spec.source, Path), "pictures are fetched whole"
    return read_picture(spec.source)


def _moment(spec: ImageSpec) -> Fraction:
    """How long after the beginning of a video its picture is shown; a picture is at the beginning."""
    wanted = spec.range
    if wanted is None or wanted.start_pts is None or not isinstance(spec.background, Movie):
        return Fraction(0)
    origin = spec.background.origin
    first = origin if origin is not None else first_pts(spec.source, wanted)
    return (wanted.start_pts - (first or 0)) * Fraction(wanted.time_base)


def _upright(frame: VideoFrame) -> Rgb:
    return picture_of(frame, quarters=round(frame.rotation / 90))


def _kind(spec: ImageSpec, output: Output) -> ImageFormat:
    return "png" if output is Output.FOREGROUND and spec.format == "jpeg" else spec.format


def _named(path: Path, kind: ImageFormat) -> Path:
    return path if KINDS.get(path.suffix.lower()) == kind else path.with_suffix(SUFFIXES[kind])


def _described(output: Output, path: Path, kind: ImageFormat, data: bytes, mask: NDArray[np.uint8]) -> OutputFile:
    height, width = mask.shape
    return OutputFile(
        output=output,
        path=path,
        container=kind,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        frames=1,
        width=width,
        height=height,
        duration=0.0,
        time_base=Fraction(1),
        first_pts=None,
        last_pts=None,
        extradata_sha256=None,
    )


def _pixels(spec: ImageSpec, output: Output, picture: Rgb, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if output is Output.MASK:
        return mask
    person = np.ascontiguousarray(picture[:, :, :3])
    own = person
    if spec.refinement.decontaminate:
        channels = [person[:, :, channel] for channel in range(3)]
        own = np.dstack(decontaminated(channels, [mask] * 3)).astype(np.uint8)
    if output is Output.FOREGROUND or isinstance(spec.background, Transparent):
        return np.dstack([own, mask])
    behind = paint_behind(spec.background, person, mask, _moment(spec))
    weight = cv2.merge([mask, mask, mask])
    front = cv2.multiply(own, weight, scale=1 / 255)
    return np.asarray(cv2.add(front, cv2.multiply(behind, cv2.bitwise_not(weight), scale=1 / 255)), np.uint8)
