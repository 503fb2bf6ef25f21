"""The blend of two planes, number by number."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from interface_node.pipeline.blend import ALL, blend
from interface_node.pipeline.stretching import Place

Numbers = NDArray[Any]


def blended(front: Numbers, behind: Numbers, mask: NDArray[np.uint8], here: Place = ALL) -> Numbers:
    """What `blend` makes, written into a part of a wider plane, as frames have them."""
    wide = np.full((mask.shape[0], mask.shape[1] + 32), 7, front.dtype)
    blend(front, behind, mask, np.empty_like(front), wide[:, : mask.shape[1]], here)
    assert (wide[:, mask.shape[1] :] == 7).all()
    return wide[:, : mask.shape[1]]


def by_hand(front: Numbers, behind: Numbers, mask: NDArray[np.uint8], most: int) -> Numbers:
    """Both products rounded, their sum held at `most`."""
    weight = mask.astype(np.float64)
    total = np.rint(front * weight / 255) + np.rint(behind * (255 - weight) / 255)
    held: Numbers = np.minimum(total, most)
    return held


@pytest.mark.parametrize(("dtype", "most"), [(np.uint8, 255), (np.uint16, 1023)])
def test_every_weight_of_every_pair_of_values_is_rounded_as_it_should(dtype: type[Any], most: int) -> None:
    values = np.linspace(0, most, 64).astype(dtype)
    front, behind = (np.ascontiguousarray(grid) for grid in np.meshgrid(values, values))
    for weight in range(256):
        mask = np.full(front.shape, weight, np.uint8)
        assert (blended(front, behind, mask) == by_hand(front, behind, mask, 2 * most)).all(), weight


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    "where",
    [np.s_[0:0, 0:0], np.s_[3:4, 5:6], np.s_[:, 8:9], np.s_[10:20, :], np.s_[0:7, 0:9], np.s_[-3:, -2:], np.s_[:, :]],
)
def test_it_makes_no_difference_where_in_the_plane_the_person_is(dtype: type[Any], where: tuple[slice, slice]) -> None:
    random = np.random.default_rng(4)
    front, behind = (random.integers(0, 256, (37, 53)).astype(dtype) for _ in range(2))
    mask = np.zeros(front.shape, np.uint8)
    mask[where] = random.integers(0, 256, mask[where].shape)
    result = blended(front, behind, mask, where)
    assert (result == blended(front, behind, mask)).all()
    assert (result == by_hand(front, behind, mask, 511)).all()
    assert (result[mask == 0] == behind[mask == 0]).all()
    assert (result[mask == 255] == front[mask == 255]).all()
