"""A blurred background is the picture without its person: soft, of the same brightness, and nobody glows in it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from interface_node.pipeline.background import behind, paint_behind
from interface_node.pipeline.blur import blurred
from interface_node.pipeline.frames import Colour, Geometry, Plane
from interface_node.pipeline.spec import Blur

SIDE = 200
NOBODY = np.zeros((SIDE, SIDE), np.uint8)


@pytest.fixture
def noise() -> NDArray[np.uint8]:
    """Grain around 120 that a blur must take away, and nothing else."""
    return np.random.default_rng(1).integers(80, 161, (SIDE, SIDE)).astype(np.uint8)


def in_the_middle() -> NDArray[np.uint8]:
    """Somebody who stands in the middle."""
    mask = NOBODY.copy()
    mask[60:140, 60:140] = 255
    return mask


@pytest.mark.parametrize("sigma", [1.5, 8.0, 40.0])
def test_grain_goes_and_brightness_stays(noise: NDArray[np.uint8], sigma: float) -> None:
    made = blurred(noise, NOBODY, sigma)
    assert (made.shape, made.dtype) == (noise.shape, noise.dtype)
    assert made.std() < noise.std() / 3
    assert abs(float(made.mean()) - float(noise.mean())) < 1


def test_a_wider_blur_is_softer(noise: NDArray[np.uint8]) -> None:
    spreads = [float(blurred(noise, NOBODY, sigma).std()) for sigma in (1.0, 3.0, 9.0)]
    assert spreads == sorted(spreads, reverse=True)


def test_no_blur_is_the_picture_itself(noise: NDArray[np.uint8]) -> None:
    assert np.array_equal(blurred(noise, NOBODY, 0.0), noise)


def test_the_person_does_not_glow_into_what_is_behind_them() -> None:
    mask = in_the_middle()
    picture = np.where(mask, 250, 20).astype(np.uint8)
    outside = blurred(picture, mask, 10.0)[mask == 0]
    assert outside.max() <= 24
    glowing = blurred(picture, NOBODY, 10.0)[mask == 0]
    assert glowing.max() > 100


def test_a_person_who_fills_the_picture_has_something_behind_them() -> None:
    everywhere = np.full((SIDE, SIDE), 255, np.uint8)
    assert abs(int(blurred(np.full((SIDE, SIDE), 90, np.uint8), everywhere, 10.0).mean()) - 90) <= 1


def test_ten_bits_stay_ten_bits() -> None:
    plane: Plane = np.full((90, 160), 700, np.uint16)
    made = blurred(plane, np.zeros((90, 160), np.uint8), 5.0)
    assert made.dtype == np.uint16
    assert (int(made.min()), int(made.max())) == (700, 700)


def test_chroma_is_blurred_half_as_wide_in_its_half_as_wide_plane() -> None:
    geometry = Geometry(SIDE, SIDE, 0, None, None, "yuv420p", Colour(1, 1, 1, 1))
    step = np.where(np.arange(SIDE) < SIDE // 2, 60, 200).astype(np.uint8)
    luma, chroma = np.tile(step, (SIDE, 1)), np.tile(step[::2], (SIDE // 2, 1))
    masks = [NOBODY, NOBODY[::2, ::2], NOBODY[::2, ::2]]
    made = behind(Blur(0.6), geometry)((luma, chroma, chroma), masks, 0)
    assert [plane.shape for plane in made] == [luma.shape, chroma.shape, chroma.shape]
    assert np.abs(made[0][SIDE // 2, ::2].astype(int) - made[1][SIDE // 4]).max() <= 6


def test_a_still_is_blurred_in_every_colour() -> None:
    picture = np.random.default_rng(2).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    made = paint_behind(Blur(1.0), picture, NOBODY)
    assert made.shape == picture.shape
    assert made.std() < 10
