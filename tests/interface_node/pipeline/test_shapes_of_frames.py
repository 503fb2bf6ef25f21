"""A model that keeps the shape of its frames is told it as people see them."""

from fractions import Fraction

import numpy as np
import pytest

from interface_node.pipeline.frames import Colour, Geometry, blank
from interface_node.pipeline.image import alpha_of
from interface_node.pipeline.segmenter import FrameSegmenter
from tests.fakes.segmenters import Halves


class Shaped(Halves):
    """Takes pictures of a tenth of the frame's sides."""

    def fit(self, width: int, height: int) -> None:
        """Follow the frame."""
        self.size = (width // 10, height // 10)


@pytest.mark.parametrize(
    ("rotation", "sar", "size"),
    [
        (0, None, (32, 16)),
        (90, None, (16, 32)),
        (180, None, (32, 16)),
        (270, None, (16, 32)),
        (0, Fraction(2), (64, 16)),
        (90, Fraction(1, 2), (16, 16)),
    ],
)
def test_of_a_video_upright_and_with_square_pixels(rotation: int, sar: Fraction | None, size: tuple[int, int]) -> None:
    segmenter = Shaped()
    stored = Geometry(320, 160, rotation, None, sar, "yuv420p", Colour(1, 1, 1, 1))
    alpha = FrameSegmenter(segmenter, stored).alpha(blank(320, 160, stored.pixels, stored.colour))
    assert segmenter.size == size
    assert segmenter.seen[0].shape == (3, size[1], size[0])
    assert alpha.shape == ((size[0], size[1]) if rotation in (90, 270) else (size[1], size[0]))


def test_of_a_picture() -> None:
    segmenter = Shaped()
    alpha = alpha_of(np.zeros((120, 240, 3), np.uint8), segmenter)
    assert segmenter.seen[0].shape == (3, 12, 24)
    assert alpha.shape == (120, 240)
