"""From the planes of a frame to the mask of its person, at the model's own size."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from interface_node.engine.interface import Segmenter, fit
from interface_node.pipeline.frames import Geometry, Plane


class FrameSegmenter:
    """Shrinks planes, makes them upright RGB, asks the model, turns the mask back into storage orientation.

    Planes are shrunk before colour is converted, and by area: a picture sampled at points moves the mask far more
    (IoU 0.95) than anything that comes later.
    """

    def __init__(self, segmenter: Segmenter, geometry: Geometry) -> None:
        self._segmenter = segmenter
        self._quarters = geometry.quarters
        fit(segmenter, *_shown(geometry))
        width, height = segmenter.size
        self._size = (height, width) if geometry.turned else (width, height)
        self._scale = 0.25 if geometry.pixels == "yuv420p10le" else 1.0
        self._to_rgb = _ToRgb(self._size, geometry)

    def alpha(self, planes: tuple[Plane, ...]) -> NDArray[np.uint8]:
        """Y, U, V planes -> `uint8 [h, w]`, 0..255, 255 is the person; the model's size, turned as stored."""
        return self.alpha_of(self.shrunk(planes))

    def shrunk(self, planes: tuple[Plane, ...]) -> list[Plane]:
        """Y, U, V planes of any size -> the same, `[h, w]` each, at the model's size."""
        return [_shrunk(plane, self._size) for plane in planes[:3]]

    def alpha_of(self, small: Sequence[Plane]) -> NDArray[np.uint8]:
        """As `alpha`, from planes that are `shrunk` already."""
        rgb = self._to_rgb(*(plane.astype(np.float32) * np.float32(self._scale) for plane in small))
        mask = self._segmenter.alpha(np.ascontiguousarray(np.rot90(rgb, self._quarters, axes=(1, 2))))
        stored = np.rot90(mask, -self._quarters)
        alpha: NDArray[np.uint8] = np.clip(np.rint(stored * np.float32(255)), 0, 255).astype(np.uint8)
        return alpha


def _shrunk(plane: Plane, size: tuple[int, int]) -> Plane:
    made: Any = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    shrunk: Plane = made
    return shrunk


def _shown(geometry: Geometry) -> tuple[int, int]:
    """Width and height as people see them: upright, with square pixels."""
    width = max(1, round(geometry.width * (geometry.sar or 1)))
    return (geometry.height, width) if geometry.turned else (width, geometry.height)


class _ToRgb:
    """Y, U, V `float32 [h, w]` in 8-bit codes -> RGB `float32 [3, h, w]`, 0..1, by the file's own matrix and range."""

    def __init__(self, size: tuple[int, int], geometry: Geometry) -> None:
        red, blue = geometry.colour.kr_kb
        green = 1 - red - blue
        luma, chroma = (255.0, 255.0) if geometry.colour.full else (219.0, 224.0)
        self._black = 0.0 if geometry.colour.full else 16.0
        self._luma = np.float32(1 / luma)
        self._v_red = np.float32(2 * (1 - red) / chroma)
        self._u_blue = np.float32(2 * (1 - blue) / chroma)
        self._v_green = np.float32(-2 * (1 - red) * red / green / chroma)
        self._u_green = np.float32(-2 * (1 - blue) * blue / green / chroma)
        self._rgb = np.empty((3, size[1], size[0]), np.float32)

    def __call__(self, y: NDArray[np.float32], u: NDArray[np.float32], v: NDArray[np.float32]) -> NDArray[np.float32]:
        y -= np.float32(self._black)
        y *= self._luma
        u -= np.float32(128)
        v -= np.float32(128)
        red, green, blue = self._rgb
        np.multiply(v, self._v_red, out=red)
        red += y
        np.multiply(u, self._u_blue, out=blue)
        blue += y
        u *= self._u_green
        v *= self._v_green
        np.add(y, u, out=green)
        green += v
        return np.clip(self._rgb, 0, 1, out=self._rgb)
