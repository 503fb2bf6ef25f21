"""Frames are shrunk by exact area, in the numbers that they are stored in, whatever their tags say."""

import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from interface_node.pipeline.frames import Colour, Geometry, Plane, blank, planes
from interface_node.pipeline.segmenter import FrameSegmenter
from tests.fakes.segmenters import Halves

LIMITED, FULL, WITHOUT_RED_AND_BLUE = Colour(1, 1, 1, 1), Colour(2, 1, 1, 1), Colour(1, 14, 9, 16)


def overlaps(length: int, short: int) -> NDArray[np.float64]:
    """`[short, length]`: how much of each short pixel every pixel of a line is."""
    edges = np.arange(short + 1) * length / short
    first, last = edges[:-1, None], edges[1:, None]
    place = np.arange(length)[None]
    inside = np.clip(np.minimum(last, place + 1) - np.maximum(first, place), 0, None)
    whole: NDArray[np.float64] = inside * short / length
    return whole


def by_area(plane: Plane, width: int, height: int) -> NDArray[np.float64]:
    """The mean over what each pixel of the small picture covers."""
    shrunk: NDArray[np.float64] = overlaps(plane.shape[0], height) @ plane @ overlaps(plane.shape[1], width).T
    return shrunk


def noise(width: int, height: int, pixels: str, colour: Colour) -> VideoFrame:
    """Every luma there is, and two chromas."""
    frame = blank(width, height, pixels, colour)
    most = 1023 if pixels.endswith("10le") else 255
    luma, blue, red = planes(frame)
    luma[:] = np.random.default_rng(5).integers(0, most + 1, luma.shape)
    blue[:], red[:] = most // 3, most // 5
    return frame


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (161, 97)])
@pytest.mark.parametrize("colour", [LIMITED, FULL, WITHOUT_RED_AND_BLUE])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le"])
def test_luma_is_the_mean_of_what_a_pixel_covers_and_even_chroma_stays(
    size: tuple[int, int], colour: Colour, pixels: str
) -> None:
    geometry = Geometry(*size, 0, None, None, pixels, colour)
    frame = noise(*size, pixels, colour)
    luma, blue, red = FrameSegmenter(Halves(), geometry).shrunk(frame)
    assert luma.shape == blue.shape == red.shape == (64, 64)
    assert np.abs(luma - by_area(planes(frame)[0], 64, 64)).max() <= 1
    assert (blue == planes(frame)[1][0, 0]).all()
    assert (red == planes(frame)[2][0, 0]).all()
    assert (frame.color_range, frame.colorspace, frame.color_trc) == (colour.range, colour.space, colour.transfer)
