"""What the model is shown: RGB by the file's own matrix, range and depth, and its answer in codes."""

import numpy as np
import pytest
from numpy.typing import NDArray

from interface_node.pipeline.frames import Colour, Geometry
from interface_node.pipeline.segmenter import FrameSegmenter
from tests.fakes.segmenters import Halves

MATRICES = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
LIMITED, FULL = 1, 2


@pytest.mark.parametrize("space", MATRICES)
@pytest.mark.parametrize("extent", [LIMITED, FULL])
@pytest.mark.parametrize("bits", [8, 10])
def test_every_pixel_is_the_colour_that_its_codes_stand_for(space: int, extent: int, bits: int) -> None:
    model = Halves()
    pixels = "yuv420p" if bits == 8 else "yuv420p10le"
    segmenter = FrameSegmenter(model, Geometry(640, 360, 0, None, None, pixels, Colour(extent, space, 1, 1)))
    codes = np.random.default_rng(8).integers(0, 2**bits, (3, 64, 64)).astype(np.uint8 if bits == 8 else np.uint16)
    alpha = segmenter.alpha_of(list(codes))
    y, u, v = codes.astype(np.float64) / 2 ** (bits - 8)
    luma = y / 255 if extent == FULL else (y - 16) / 219
    blue_less_luma, red_less_luma = ((plane - 128) / (255 if extent == FULL else 224) for plane in (u, v))
    kr, kb = MATRICES[space]
    red, blue = luma + 2 * (1 - kr) * red_less_luma, luma + 2 * (1 - kb) * blue_less_luma
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    assert np.abs(model.seen[0] - np.clip([red, green, blue], 0, 1)).max() < 1e-5
    assert (alpha[:, :32] == 255).all()
    assert (alpha[:, 32:] == 0).all()


class Ramp(Halves):
    """Every answer there is, between those that 8 bits can tell apart, too."""

    def alpha(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        """From 0 to 1."""
        return np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_an_answer_is_rounded_and_turned_as_the_frame_is_stored(rotation: int) -> None:
    geometry = Geometry(640, 640, rotation, None, None, "yuv420p", Colour(LIMITED, 1, 1, 1))
    alpha = FrameSegmenter(Ramp(), geometry).alpha_of([np.full((64, 64), 128, np.uint8)] * 3)
    whole = np.linspace(0, 255, 64 * 64, dtype=np.float32).reshape(64, 64)
    turned = np.rot90(whole, -rotation // 90)
    assert np.abs(alpha - turned).max() <= 0.5 + 1e-4
    assert alpha.flags.c_contiguous
