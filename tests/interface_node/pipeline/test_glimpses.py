"""A few frames of the result from all over a video: the right ones, as people will see them, and no others made."""

from bisect import bisect_left
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from interface_node.engine.interface import Segmenter
from interface_node.errors import BrokenMedia, NotAVideo
from interface_node.pipeline.glimpses import Glimpse, glimpses
from interface_node.pipeline.spec import Backdrop, Movie, Plain, RunSpec, Transparent
from protocol.work import Refinement
from tests import clips, odd_clips
from tests import independent_reader as reader
from tests.clips import Clip
from tests.fakes.segmenters import Halves
from tests.interface_node.pipeline import greys

RED = Plain(200, 0, 0)


class Models:
    """Opens segmenters, and remembers them."""

    def __init__(self) -> None:
        self.opened: list[Halves] = []

    def __call__(self) -> Segmenter:
        self.opened.append(Halves())
        return self.opened[-1]

    @property
    def seen(self) -> list[int]:
        """How many pictures each was shown."""
        return [len(one.seen) for one in self.opened]


def looked(
    source: Path,
    count: int,
    behind: Backdrop = RED,
    models: Models | None = None,
    warmup: int = 0,
    smooth: bool = False,
) -> list[Glimpse]:
    """Glimpses of a composite in which the left half is the source."""
    spec = RunSpec(source, behind, {}, refinement=Refinement(smooth=smooth))
    return list(glimpses(spec, models or Models(), count, warmup, lambda: False))


def numbers(seen: list[Glimpse], left: int = 2, right: int = 20) -> list[int]:
    """Which of the grey frames are seen in those columns."""
    luma = [16 + one.picture[4:-4, left:right].mean() * 219 / 255 for one in seen]
    return [int(number) for number in np.rint((np.array(luma) - greys.DARKEST) / greys.STEP)]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_they_are_the_middles_of_equal_parts_with_their_times(tmp_path: Path, name: str) -> None:
    models = Models()
    seen = looked(greys.write(tmp_path / name, 27, 9), 3, models=models)
    assert numbers(seen) == [4, 13, 22]
    assert [one.seconds for one in seen] == pytest.approx([4 / 9, 13 / 9, 22 / 9], abs=0.002)
    assert models.seen == [1, 1, 1]
    for one in seen:
        assert one.picture.shape == (48, 64, 3)
        assert np.abs(one.picture[:, 44:].astype(int) - (200, 0, 0)).max() < 12


def test_of_a_short_video_all_frames_are_seen_once(tmp_path: Path) -> None:
    assert numbers(looked(greys.write(tmp_path / "a.mp4", 4, 9), 9)) == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["intra-refresh.ts", "one-keyframe.mp4", "early.mov", "uneven.mp4"])
def test_odd_files_show_the_frames_of_their_times(tmp_path: Path, name: str) -> None:
    source = odd_clips.write(tmp_path, name, 4)
    times, shown = reader.frame_times(source).times, reader.rgb_frames(source, (160, 96))
    for one in looked(source, 3):
        number = bisect_left(times, times[0] + one.seconds - 0.001)
        assert np.abs(one.picture[:, :60].astype(int) - shown[number, :, :60]).mean() < 4


def test_a_model_with_memory_and_smooth_masks_see_the_frames_around(tmp_path: Path) -> None:
    source = greys.write(tmp_path / "a.mp4", 30, 10)
    for smooth, shown in ((False, 5), (True, 9)):
        models = Models()
        assert numbers(looked(source, 3, models=models, warmup=4, smooth=smooth)) == [5, 15, 25]
        assert models.seen == [min(shown, 8), shown, shown]


def test_a_moving_background_is_where_it_will_be(tmp_path: Path) -> None:
    source = greys.write(tmp_path / "a.ts", 27, 9, step=0)
    behind = greys.write(tmp_path / "b.mp4", 5, 9)
    assert numbers(looked(source, 3, Movie(behind)), 44, 60) == [4, 3, 2]


def test_they_are_upright_with_square_pixels(tmp_path: Path) -> None:
    turned = clips.write(tmp_path / "a.mp4", Clip(rotation=90, sar=Fraction(2, 1)))
    (one,) = looked(turned, 1)
    assert one.picture.shape == (320, 96, 3)
    assert np.abs(one.picture[:, 60:].astype(int) - (200, 0, 0)).max() < 12


def test_nothing_behind_the_person_is_shown_as_chequers(tmp_path: Path) -> None:
    (one,) = looked(greys.write(tmp_path / "a.mp4", 3, 9), 1, Transparent())
    right: NDArray[np.uint8] = one.picture[:, 40:]
    assert set(np.unique(right)) == {204, 255}
    assert numbers([one]) == [1]


def test_what_cannot_be_shown_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotAVideo):
        looked(clips.sound_only(tmp_path / "b.mp4"), 3)
    with pytest.raises(BrokenMedia):
        looked(clips.broken_in_the_middle(tmp_path / "c.mp4"), 3)
