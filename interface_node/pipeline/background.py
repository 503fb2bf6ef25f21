"""Backgrounds as the planes of a frame: made once for a run, in the file's own size, orientation and colours."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from interface_node.pipeline.blur import MOST, blurred
from interface_node.pipeline.frames import Colour, Geometry, Plane, planes
from interface_node.pipeline.spec import Backdrop, Blur, Picture, Plain
from interface_node.pipeline.still import read_picture
from protocol.work import Fit

Rgb = NDArray[np.uint8]
Behind = Callable[[Sequence[Plane], Sequence[NDArray[np.uint8]]], Sequence[Plane]]
"""From a frame's Y, U, V planes and the person's mask in the size of each to the planes behind the person."""


def behind(backdrop: Backdrop, geometry: Geometry) -> Behind:
    """What is put behind each frame; NotAnImage when a picture's file is none."""
    if isinstance(backdrop, Blur):
        sigma = backdrop.strength * MOST * _upright_size(geometry)[1]

        def blur(front: Sequence[Plane], masks: Sequence[NDArray[np.uint8]]) -> list[Plane]:
            sigmas = (sigma, sigma / 2, sigma / 2)
            return [blurred(plane, mask, width) for plane, mask, width in zip(front, masks, sigmas, strict=True)]

        return blur
    still = background_planes(backdrop, geometry)
    return lambda front, masks: still


def background_planes(backdrop: Picture | Plain, geometry: Geometry) -> tuple[Plane, ...]:
    """Y, U, V planes of the background, ready to be blended; NotAnImage when its file is not a picture."""
    upright = _upright_size(geometry)
    rgb = paint(backdrop, *upright, display_aspect=_display_aspect(geometry, upright))
    stored = np.ascontiguousarray(np.rot90(rgb, -geometry.quarters))
    return tuple(plane.copy() for plane in planes(_as_yuv(stored, geometry)))


def paint_behind(backdrop: Backdrop, picture: Rgb, mask: NDArray[np.uint8]) -> Rgb:
    """The background of a still, `uint8 [h, w, 3]` like `picture`, with the person's `mask: uint8 [h, w]`."""
    height, width = mask.shape
    if isinstance(backdrop, Blur):
        sigma = backdrop.strength * MOST * height
        return np.dstack([blurred(picture[:, :, place], mask, sigma) for place in range(3)]).astype(np.uint8)
    return paint(backdrop, width, height)


def paint(backdrop: Picture | Plain, width: int, height: int, display_aspect: float | None = None) -> Rgb:
    """The background as `uint8 [height, width, 3]` RGB; `display_aspect` is given where pixels are not square."""
    match backdrop:
        case Plain(red, green, blue):
            return np.full((height, width, 3), (red, green, blue), np.uint8)
        case Picture(path, fit):
            return _fitted(_flat(path), width, height, display_aspect or width / height, fit)


def _flat(path: Path) -> Rgb:
    """The picture without its alpha, over black."""
    picture = read_picture(path)
    if picture.shape[2] == 3:
        return picture
    alpha = picture[:, :, 3:].astype(np.uint16)
    return ((picture[:, :, :3] * alpha + 127) // 255).astype(np.uint8)


def _fitted(picture: Rgb, width: int, height: int, aspect: float, fit: Fit) -> Rgb:
    """Cover crops the middle, contain adds black bars, stretch distorts."""
    if fit == "stretch":
        return _resized(picture, width, height)
    own = picture.shape[1] / picture.shape[0]
    if fit == "cover":
        keep_w, keep_h = min(1.0, aspect / own), min(1.0, own / aspect)
        return _resized(_middle(picture, keep_w, keep_h), width, height)
    inner_w = max(1, round(width * min(1.0, own / aspect)))
    inner_h = max(1, round(height * min(1.0, aspect / own)))
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner_w) // 2, (height - inner_h) // 2
    canvas[top : top + inner_h, left : left + inner_w] = _resized(picture, inner_w, inner_h)
    return canvas


def _middle(picture: Rgb, keep_w: float, keep_h: float) -> Rgb:
    height, width = picture.shape[:2]
    inner_w, inner_h = max(1, round(width * keep_w)), max(1, round(height * keep_h))
    left, top = (width - inner_w) // 2, (height - inner_h) // 2
    return picture[top : top + inner_h, left : left + inner_w]


def _resized(picture: Rgb, width: int, height: int) -> Rgb:
    shrinks = width * height < picture.shape[0] * picture.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=how), np.uint8)


def _upright_size(geometry: Geometry) -> tuple[int, int]:
    if geometry.turned:
        return geometry.height, geometry.width
    return geometry.width, geometry.height


def _display_aspect(geometry: Geometry, upright: tuple[int, int]) -> float:
    sar = float(geometry.sar or 1)
    return upright[0] / upright[1] * (1 / sar if geometry.turned else sar)


def _as_yuv(rgb: Rgb, geometry: Geometry) -> VideoFrame:
    """By the file's own matrix: two matrices in one picture would show at every edge."""
    frame = VideoFrame.from_ndarray(rgb, format="rgb24")
    return frame.reformat(
        format=geometry.pixels,
        dst_colorspace=_swscale_matrix(geometry.colour),
        dst_color_range=2 if geometry.colour.full else 1,
    )


def _swscale_matrix(colour: Colour) -> int:
    """swscale's number of a matrix: H.273's for those that it knows, BT.601 for the rest."""
    return colour.space if colour.space in (1, 4, 7, 9) else 5
