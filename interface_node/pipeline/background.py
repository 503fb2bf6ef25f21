"""Backgrounds as the planes of a frame: made once for a run, in the file's own size, orientation and colours."""

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from interface_node.pipeline.blur import MOST, blurred
from interface_node.pipeline.frames import Geometry, Plane, blank, planes
from interface_node.pipeline.hdr import HLG, PQ, lit
from interface_node.pipeline.moving import Player, first_pts, of_background, read_reel
from interface_node.pipeline.moving_fit import OF_RGB, fitted, swscale_matrix, turned
from interface_node.pipeline.source import Source
from interface_node.pipeline.spec import (
    Backdrop,
    Blur,
    Gradient,
    IsCancelled,
    Movie,
    Picture,
    Plain,
    RunSpec,
    Transparent,
    check_alpha,
)
from interface_node.pipeline.still import picture_of, read_picture
from protocol.states import Output
from protocol.work import Fit

Rgb = NDArray[np.uint8]
Still = Picture | Plain | Gradient
Moved = Still | Blur | Movie
Behind = Callable[[Sequence[Plane], Sequence[NDArray[np.uint8]], int], Sequence[Plane]]
"""From a frame's Y, U, V planes, the person's mask in the size of each, and the frame's pts, to the planes behind the
person; frames come in their order."""


@contextlib.contextmanager
def open_behind(spec: RunSpec, source: Source, cancelled: IsCancelled) -> Iterator[Behind]:
    """What is put behind each frame of a run.

    NotAnImage when a picture's file is none, UnsupportedBackground for a composite on nothing; what is wrong with a
    moving background also comes while it is used.
    """
    check_alpha(spec.background, spec.outputs.keys(), None)
    if isinstance(spec.background, Movie) and Output.COMPOSITE in spec.outputs:
        with _moving(spec.background, spec, source, cancelled) as made:
            yield made
        return
    yield behind(spec.background, source.geometry)


@contextlib.contextmanager
def _moving(movie: Movie, spec: RunSpec, source: Source, cancelled: IsCancelled) -> Iterator[Behind]:
    with of_background():
        reel = read_reel(movie.path, cancelled)
    origin = movie.origin if movie.origin is not None else first_pts(spec.source, spec.range)
    index, shown = -1, tuple[Plane, ...]()
    with contextlib.closing(Player(movie.path, reel, cancelled)) as player:

        def moving(_front: Sequence[Plane], _masks: Sequence[NDArray[np.uint8]], pts: int) -> tuple[Plane, ...]:
            nonlocal index, origin, shown
            origin = pts if origin is None else origin
            due = reel.index_at((pts - origin) * source.time_base, movie.loop, source.time_base / 2)
            if due != index:
                index, shown = due, _as_light(*player.frame(due), movie.fit, source.geometry)
            return shown

        yield moving


def _as_light(frame: VideoFrame, own: Geometry, fit: Fit, target: Geometry) -> tuple[Plane, ...]:
    """`fitted`, but by way of RGB for an ordinary frame behind an HDR video, whose numbers mean another light."""
    if target.colour.transfer not in (PQ, HLG) or own.colour.transfer in (PQ, HLG):
        return fitted(frame, own, fit, target)
    plain = replace(target, pixels="yuv420p", colour=OF_RGB)
    made = blank(target.width, target.height, plain.pixels, plain.colour)
    for place, plane in zip(planes(made), fitted(frame, own, fit, plain), strict=True):
        place[:] = plane
    return planes(_as_yuv(lit(picture_of(made), target.colour), target))


def behind(backdrop: Backdrop, geometry: Geometry) -> Behind:
    """What is put behind each frame where that does not move, or where no composite is made; NotAnImage when a
    picture's file is none."""
    match backdrop:
        case Blur():
            sigma = backdrop.strength * MOST * _upright_size(geometry)[1]

            def blur(front: Sequence[Plane], masks: Sequence[NDArray[np.uint8]], _pts: int) -> list[Plane]:
                sigmas = (sigma, sigma / 2, sigma / 2)
                return [blurred(plane, mask, width) for plane, mask, width in zip(front, masks, sigmas, strict=True)]

            return blur
        case Transparent() | Movie():
            return lambda front, _masks, _pts: front
        case _:
            still = background_planes(backdrop, geometry)
            return lambda _front, _masks, _pts: still


def background_planes(backdrop: Still, geometry: Geometry) -> tuple[Plane, ...]:
    """Y, U, V planes of the background, ready to be blended; NotAnImage when its file is not a picture."""
    upright = _upright_size(geometry)
    aspect = _display_aspect(geometry, upright)
    if isinstance(backdrop, Gradient) and geometry.pixels != "yuv420p":  # 8 bits would show as bands
        painted: Rgb | NDArray[np.uint16] = np.rint(_gradient(backdrop, *upright, aspect) * 257).astype(np.uint16)
    else:
        painted = paint(backdrop, *upright, display_aspect=aspect)
    stored = _as_yuv(turned(lit(painted, geometry.colour), -geometry.quarters), geometry)
    return tuple(plane.copy() for plane in planes(stored))


def paint_behind(backdrop: Moved, picture: Rgb, mask: NDArray[np.uint8], seconds: Fraction = Fraction(0)) -> Rgb:
    """The background of a still, `uint8 [h, w, 3]` like `picture`, with the person's `mask: uint8 [h, w]`; a moving one
    as it is so many `seconds` after its beginning."""
    height, width = mask.shape
    match backdrop:
        case Blur():
            sigma = backdrop.strength * MOST * height
            return np.dstack([blurred(picture[:, :, place], mask, sigma) for place in range(3)]).astype(np.uint8)
        case Movie():
            shown, aspect = _moment(backdrop, seconds)
            return _fitted(shown, width, height, width / height, backdrop.fit, aspect)
        case _:
            return paint(backdrop, width, height)


def paint(backdrop: Still, width: int, height: int, display_aspect: float | None = None) -> Rgb:
    """The background as `uint8 [height, width, 3]` RGB; `display_aspect` is given where pixels are not square."""
    match backdrop:
        case Plain(red, green, blue):
            return np.full((height, width, 3), (red, green, blue), np.uint8)
        case Gradient():
            painted = _gradient(backdrop, width, height, display_aspect or width / height)
            return np.rint(painted).astype(np.uint8)
        case Picture(path, fit):
            return _fitted(_flat(path), width, height, display_aspect or width / height, fit)


def _gradient(gradient: Gradient, width: int, height: int, aspect: float) -> NDArray[np.float64]:
    """`[h, w, 3]`, 0..255, as CSS draws it: through the middle at that angle, so long that the corners are the two
    colours."""
    across, down = math.sin(math.radians(gradient.angle)), -math.cos(math.radians(gradient.angle))
    x = ((np.arange(width) + 0.5) / width - 0.5) * aspect * across
    y = ((np.arange(height) + 0.5) / height - 0.5) * down
    length = abs(aspect * across) + abs(down)
    place = np.clip((x[None, :] + y[:, None]) / length + 0.5, 0, 1)[:, :, None]
    start, end = (np.array((one.red, one.green, one.blue), float) for one in (gradient.start, gradient.end))
    return np.asarray(start + (end - start) * place)


def _moment(movie: Movie, seconds: Fraction) -> tuple[Rgb, float]:
    """One frame of a moving background, upright, and how much wider than high it is seen."""
    with of_background():
        reel = read_reel(movie.path)
    with contextlib.closing(Player(movie.path, reel)) as player:
        frame, own = player.frame(reel.index_at(seconds, movie.loop))
        with of_background():
            shown = picture_of(frame, quarters=own.quarters)
        return shown, _display_aspect(own, _upright_size(own))


def _flat(path: Path) -> Rgb:
    """The picture without its alpha, over black."""
    picture = read_picture(path)
    if picture.shape[2] == 3:
        return picture
    alpha = picture[:, :, 3:].astype(np.uint16)
    return ((picture[:, :, :3] * alpha + 127) // 255).astype(np.uint8)


def _fitted(picture: Rgb, width: int, height: int, aspect: float, fit: Fit, own: float | None = None) -> Rgb:
    """Cover crops the middle, contain adds black bars, stretch distorts; `own` is the picture's display aspect."""
    if fit == "stretch":
        return _resized(picture, width, height)
    own = own or picture.shape[1] / picture.shape[0]
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


def _as_yuv(rgb: Rgb | NDArray[np.uint16], geometry: Geometry) -> VideoFrame:
    """By the file's own matrix: two matrices in one picture would show at every edge."""
    frame = VideoFrame.from_ndarray(rgb, format="rgb24" if rgb.dtype == np.uint8 else "rgb48le")
    return frame.reformat(
        format=geometry.pixels,
        dst_colorspace=swscale_matrix(geometry.colour),
        dst_color_range=2 if geometry.colour.full else 1,
    )
