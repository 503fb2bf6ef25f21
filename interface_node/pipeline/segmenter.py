"""From the planes of a frame to the mask of its person, at the model's own size."""

from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from numpy.typing import NDArray

from interface_node.engine.interface import Segmenter, fit
from interface_node.pipeline.frames import Geometry, Plane, planes

BY_AREA: Final = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
"""The same numbers on every machine: segments of one video are made on many."""


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
        self._shrinker = _Shrinker(self._size, geometry)
        self._to_rgb = _ToRgb(self._size, geometry)

    def alpha(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """A frame in the working format -> `uint8 [h, w]`, 0..255, 255 is the person; the model's size, turned as
        stored."""
        return self.alpha_of(self.shrunk(frame))

    def shrunk(self, frame: VideoFrame) -> Sequence[Plane]:
        """A frame in the working format -> its Y, U, V planes, `[h, w]` each, at the model's size."""
        return self._shrinker(frame)

    def alpha_of(self, small: Sequence[Plane]) -> NDArray[np.uint8]:
        """As `alpha`, from planes that are `shrunk` already."""
        rgb = self._to_rgb(*(plane.astype(np.float32) for plane in small))
        mask = self._segmenter.alpha(np.ascontiguousarray(np.rot90(rgb, self._quarters, axes=(1, 2))))
        codes = np.asarray(cv2.convertScaleAbs(mask, alpha=255), np.uint8)
        return np.ascontiguousarray(np.rot90(codes, -self._quarters))


class _Shrinker:
    """Frames of one geometry at another size, all planes of that size.

    FFmpeg's scaler takes an eighth of the time of OpenCV's, which has no vector code for areas that are not whole
    pixels. It is given one plane at a time: of a frame it would move the chroma to where its samples are said to lie,
    which models are not shown anywhere else. What is to be enlarged is left to OpenCV.
    """

    def __init__(self, size: tuple[int, int], geometry: Geometry) -> None:
        self._size = size
        self._pixels = "gray10le" if geometry.pixels == "yuv420p10le" else "gray"
        self._scalers = [VideoReformatter() for _ in range(3)]

    def __call__(self, frame: VideoFrame) -> tuple[Plane, ...]:
        return tuple(map(self._shrunk, self._scalers, planes(frame)))

    def _shrunk(self, scaler: VideoReformatter, plane: Plane) -> Plane:
        height, width = plane.shape
        if width < self._size[0] or height < self._size[1]:
            enlarged: Any = cv2.resize(plane, self._size, interpolation=cv2.INTER_AREA)
            found: Plane = enlarged
            return found
        grey = VideoFrame.from_numpy_buffer(plane, self._pixels)
        extent = ColorRange.JPEG  # said of both, the numbers stay what they are
        made = scaler.reformat(
            grey, *self._size, interpolation=BY_AREA, src_color_range=extent, dst_color_range=extent, threads=1
        )
        return planes(made)[0]


def _shown(geometry: Geometry) -> tuple[int, int]:
    """Width and height as people see them: upright, with square pixels."""
    width = max(1, round(geometry.width * (geometry.sar or 1)))
    return (geometry.height, width) if geometry.turned else (width, geometry.height)


class _ToRgb:
    """Y, U, V `float32 [h, w]` in codes -> RGB `float32 [3, h, w]`, 0..1, by the file's own matrix and range.

    In OpenCV's arithmetic, which weighs and adds two planes in one pass.
    """

    def __init__(self, size: tuple[int, int], geometry: Geometry) -> None:
        red, blue = geometry.colour.kr_kb
        green = 1 - red - blue
        luma, chroma = (255, 255) if geometry.colour.full else (219, 224)
        one = 4 if geometry.pixels == "yuv420p10le" else 1
        self._y = 1 / (luma * one)
        self._black = 0 if geometry.colour.full else 16 / luma
        self._v_red = 2 * (1 - red) / (chroma * one)
        self._u_blue = 2 * (1 - blue) / (chroma * one)
        self._v_green = -self._v_red * red / green
        self._u_green = -self._u_blue * blue / green
        self._grey = 128 * one
        self._rgb = np.empty((3, size[1], size[0]), np.float32)

    def __call__(self, y: NDArray[np.float32], u: NDArray[np.float32], v: NDArray[np.float32]) -> NDArray[np.float32]:
        """Valid until the next call."""
        red, green, blue = self._rgb
        cv2.addWeighted(y, self._y, v, self._v_red, -self._black - self._grey * self._v_red, dst=red)
        cv2.addWeighted(y, self._y, u, self._u_blue, -self._black - self._grey * self._u_blue, dst=blue)
        both = self._u_green + self._v_green
        cv2.addWeighted(u, self._u_green, v, self._v_green, -self._black - self._grey * both, dst=green)
        cv2.scaleAdd(y, self._y, green, dst=green)
        return np.clip(self._rgb, 0, 1, out=self._rgb)
