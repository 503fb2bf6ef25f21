"""Grey frames mean what their tags say, and their numbers stay."""

from fractions import Fraction

import numpy as np
import pytest
from av.video.frame import VideoFrame

from interface_node.pipeline.frames import Colour, Geometry, blank, conform, planes
from interface_node.pipeline.still import picture_of

LIMITED, FULL, UNTAGGED = (Colour(extent, 1, 1, 1) for extent in (1, 2, 0))


def grey(pixels: str, colour: Colour, *levels: int) -> VideoFrame:
    """A frame with a bar for each level, 16 pixels wide."""
    frame = blank(16 * len(levels), 16, pixels, colour)
    for number, level in enumerate(levels):
        planes(frame)[0][:, 16 * number : 16 * number + 16] = level
    frame.pts, frame.duration, frame.time_base = 7, 3, Fraction(1, 24)
    return frame


def geometry(frame: VideoFrame, pixels: str, colour: Colour) -> Geometry:
    return Geometry(frame.width, frame.height, 0, None, None, pixels, colour)


@pytest.mark.parametrize("colour", [LIMITED, UNTAGGED], ids=["limited", "untagged"])
@pytest.mark.parametrize(
    ("stored", "levels", "pixels", "wanted"),
    [
        ("gray", [16, 126, 235], "yuv420p", [16, 126, 235]),
        ("gray9le", [32, 252, 470], "yuv420p10le", [64, 504, 940]),
        ("gray10le", [64, 504, 940], "yuv420p10le", [64, 504, 940]),
        ("gray12le", [256, 2016, 3760], "yuv420p10le", [64, 504, 940]),
    ],
)
def test_luma_is_copied_and_there_is_no_colour(
    stored: str, levels: list[int], pixels: str, wanted: list[int], colour: Colour
) -> None:
    frame = grey(stored, colour, *levels)
    made = conform(frame, geometry(frame, pixels, colour))
    luma, *chroma = planes(made)
    assert luma[:, ::16].tolist() == [wanted] * 16
    middle = 512 if pixels == "yuv420p10le" else 128
    assert all(np.array_equal(plane, np.full((8, 24), middle)) for plane in chroma)
    assert (made.format.name, made.pts, made.duration, made.color_range) == (pixels, 7, 3, colour.range)


def test_full_range_grey_keeps_its_numbers_in_full_range() -> None:
    frame = grey("gray", FULL, 0, 16, 255)
    assert planes(conform(frame, geometry(frame, "yuv420p", FULL)))[0][:, ::16].tolist() == [[0, 16, 255]] * 16


@pytest.mark.parametrize(
    ("colour", "shown"), [(LIMITED, [0, 128, 255]), (FULL, [16, 126, 235])], ids=["limited", "full"]
)
def test_a_grey_frame_as_a_picture_has_its_whole_contrast(colour: Colour, shown: list[int]) -> None:
    picture = picture_of(grey("gray", colour, 16, 126, 235)).astype(int)
    assert np.abs(picture[:, 8::16] - np.array(shown)[None, :, None]).max() <= 1
