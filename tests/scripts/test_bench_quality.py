"""The bench of the quality options: what it measures, on a small clip and a mask that is known."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from interface_node.pipeline.frames import planes
from interface_node.pipeline.still import read_picture
from protocol.work import Refinement
from scripts.bench import quality, quality_pictures
from scripts.bench.quality_pictures import Clip, Look
from tests import clips
from tests.fakes.segmenters import Halves

Bytes = NDArray[np.uint8]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """Twelve frames."""
    return quality.read(clips.write(tmp_path_factory.mktemp("clips") / "a.mp4"), 12)


@pytest.fixture(scope="module")
def results(clip: Clip) -> dict[str, list[Look]]:
    """What every option makes of it."""
    return {name: quality.made(clip, Halves(), wanted)[0] for name, wanted in quality.CHOICES.items()}


def test_every_option_is_a_row_of_the_table(clip: Clip, results: dict[str, list[Look]]) -> None:
    head, *rows = quality.rows(clip, results, dict.fromkeys(results, 2.0))
    assert head[0] == "option"
    assert [row[0] for row in rows] == list(quality.CHOICES)
    assert all(len(row) == len(head) for row in rows)
    assert rows[0][1:5] == ("2.0", "+0.0", "0.000", "1.000")


def test_masks_have_the_pictures_size_and_cost_time(clip: Clip) -> None:
    looks, spent = quality.made(clip, Halves(), Refinement())
    assert [look.alpha.shape for look in looks] == [(96, 160)] * 12
    assert spent > 0


def test_flicker_is_the_change_where_the_picture_stands_still() -> None:
    still = [np.full((32, 32), 90, np.uint8)] * 3
    alphas = [np.full((32, 32), value, np.uint8) for value in (10, 14, 10)]
    assert quality.flicker(alphas, still) == 16
    moving = [np.full((32, 32), 60 * number, np.uint8) for number in range(3)]
    assert quality.flicker(alphas, moving) == 0


def test_agreement_is_intersection_over_union() -> None:
    left, all_ = np.zeros((8, 8), np.uint8), np.full((8, 8), 255, np.uint8)
    left[:, :4] = 255
    assert quality.agreement([left], [all_]) == 0.5


def test_the_step_is_that_of_the_picture_along_the_outline() -> None:
    def stepped(at: int) -> Bytes:
        made = np.full((32, 64), 40, np.uint8)
        made[:, at:] = 200
        return made

    beside: Sequence[Bytes] = [stepped(20)]
    assert quality.step([stepped(32)], [stepped(32)]) > 20 > 1 > quality.step([stepped(32)], beside)


def test_spill_is_how_far_colours_lie_towards_the_background(tmp_path: Path) -> None:
    mask = np.tile(np.clip(16 * np.arange(-72, 88), 0, 255).astype(np.uint8), (96, 1))
    half = cv2.resize(mask, (80, 48), interpolation=cv2.INTER_AREA)
    sides = [(mask, 60, 180), (half, 110, 140), (half, 140, 110)]
    seen = tuple(np.rint(m / 255 * b + (1 - m / 255) * a).astype(np.uint8) for m, a, b in sides)
    person = tuple(np.full_like(m, b) for m, _, b in sides)
    behind = tuple(np.full_like(m, a) for m, a, _ in sides)
    one = quality.read(clips.write(tmp_path / "a.mp4"), 1)
    for target, plane in zip(planes(one.frames[0].frame), seen, strict=True):
        target[:] = plane
    spilt = [quality.spill([Look(mask, colours)], one) for colours in (person, seen, behind)]
    assert spilt == pytest.approx([0, 0.5, 1], abs=0.08)


def test_each_picture_is_small_and_has_three_squares(
    clip: Clip, results: dict[str, list[Look]], tmp_path: Path
) -> None:
    quality_pictures.write(tmp_path, clip, results)
    side, strip, gap = quality_pictures.SIDE, quality_pictures.STRIP, quality_pictures.GAP
    names = {f"quality-{name}.jpg" for name in ("fill-holes", "smooth", "refine-edges", "decontaminate")}
    assert {path.name for path in tmp_path.iterdir()} == names
    for path in tmp_path.iterdir():
        assert path.stat().st_size <= 60_000
        assert read_picture(path).shape == (side + strip, 3 * side + 2 * gap, 3)
