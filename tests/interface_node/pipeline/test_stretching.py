"""Masks are stretched where the person is, and are what the whole would be."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from interface_node.pipeline.stretching import Canvas

SIDE = 256


def blob(top: int, left: int, height: int, width: int) -> NDArray[np.uint8]:
    alpha = np.zeros((SIDE, SIDE), np.uint8)
    inside = alpha[top : top + height, left : left + width]
    inside[:] = np.random.default_rng(top + left).integers(1, 256, inside.shape)
    return alpha


BLOBS = [blob(18, 114, 224, 56), blob(0, 0, 9, 7), blob(255, 255, 1, 1), blob(31, 96, 33, 160), blob(0, 0, SIDE, SIDE)]


@pytest.mark.parametrize("shape", [(720, 1280), (360, 640), (1080, 1920), (97, 161), (144, 176), (SIDE, SIDE)])
def test_a_part_is_what_it_is_of_the_whole_to_rounding_and_nothing_is_left_of_the_frame_before(
    shape: tuple[int, int],
) -> None:
    canvas = Canvas(shape)
    for alpha in [*BLOBS, *BLOBS[::-1]]:
        whole = cv2.resize(alpha, shape[::-1], interpolation=cv2.INTER_LINEAR)
        found = canvas.stretched(alpha)
        assert np.abs(found.astype(int) - whole).max() <= 1
        outside = found.copy()
        outside[canvas.here] = 0
        assert not outside.any()


def test_without_a_person_nothing_is_done() -> None:
    canvas = Canvas((48, 64))
    canvas.stretched(BLOBS[0])
    assert not canvas.stretched(np.zeros((SIDE, SIDE), np.uint8)).any()
    assert canvas.here == (slice(0, 0), slice(0, 0))
