"""How bright painted backgrounds are in HDR videos, by the numbers of BT.2408."""

from pathlib import Path

import numpy as np
import pytest

from interface_node.pipeline.background import background_planes
from interface_node.pipeline.frames import Colour, Geometry
from interface_node.pipeline.hdr import lit
from interface_node.pipeline.spec import Gradient, Picture, Plain
from tests import clips

PQ, HLG, SDR = Colour(1, 9, 9, 16), Colour(1, 9, 9, 18), Colour(1, 9, 9, 14)


@pytest.mark.parametrize(("colour", "white"), [(PQ, 0.581), (HLG, 0.75)])
def test_white_is_the_graphics_white_and_black_is_black(colour: Colour, white: float) -> None:
    painted = np.array([[[255, 255, 255], [0, 0, 0]]], np.uint8)
    signal = lit(painted, colour) / 65535
    assert signal[0, 0] == pytest.approx([white] * 3, abs=0.002)
    assert signal[0, 1] == pytest.approx([0] * 3, abs=0.002)


@pytest.mark.parametrize("colour", [PQ, HLG])
def test_greys_stay_grey_and_rise(colour: Colour) -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    signal = lit(ramp, colour).astype(int)
    assert np.ptp(signal, axis=2).max() < 65535 / 512
    assert (np.diff(signal[0, :, 1]) > 0).all()


def test_a_saturated_colour_is_less_so_among_wider_primaries() -> None:
    red = lit(np.array([[[255, 0, 0]]], np.uint8), PQ)[0, 0]
    assert red[0] > red[1] > red[2] > 0


def test_pictures_of_other_videos_are_left_alone() -> None:
    painted = np.array([[[10, 20, 30]]], np.uint8)
    assert lit(painted, SDR) is painted


@pytest.mark.parametrize("colour", [PQ, HLG])
def test_every_painted_background_is_as_bright_as_graphics_are(tmp_path: Path, colour: Colour) -> None:
    geometry = Geometry(160, 96, 0, None, None, "yuv420p10le", colour)
    white = Plain(255, 255, 255)
    most = 64 + 876 * (0.581 if colour is PQ else 0.75)
    for backdrop in (white, Gradient(white, white)):
        assert background_planes(backdrop, geometry)[0].mean() == pytest.approx(most, abs=3)
    assert background_planes(Picture(clips.still(tmp_path / "a.png")), geometry)[0].max() <= most + 3
