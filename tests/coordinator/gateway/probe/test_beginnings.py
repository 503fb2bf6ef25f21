"""Only frames that can be decoded are counted, and only timestamps that hold are believed."""

from fractions import Fraction
from pathlib import Path

import pytest

from coordinator.gateway.probe import video
from coordinator.gateway.probe.video import Examined
from tests import independent_reader, odd_clips


def examined(path: Path) -> Examined:
    """What the probe says of a file."""
    with path.open("rb") as file:
        return video.examine(file.fileno(), quick=False)


@pytest.mark.parametrize("name", odd_clips.TORN)
def test_pictures_that_refer_to_lost_ones_are_not_counted(tmp_path: Path, name: str) -> None:
    path = odd_clips.write(tmp_path, name)
    found = examined(path)
    shown = independent_reader.frame_times(path).times
    assert found.facts.frames == len(found.times.pts) == len(shown) < odd_clips.SECONDS * 24
    assert [pts * Fraction(found.facts.time_base) for pts in found.times.pts] == shown
    assert found.facts.keyframes == len(found.times.keys)


@pytest.mark.parametrize("name", ["edited.mp4", "edited-open.mp4", "trimmed.mp4", "fragments.mp4"])
def test_headers_and_edit_lists_are_not_believed(tmp_path: Path, name: str) -> None:
    path = odd_clips.write(tmp_path, name)
    assert examined(path).facts.frames == len(independent_reader.frame_times(path).times)


@pytest.mark.parametrize("name", sorted(odd_clips.UNTIMED))
def test_packets_that_are_counted_and_not_timed_have_no_timestamps(tmp_path: Path, name: str) -> None:
    found = examined(odd_clips.write(tmp_path, name))
    assert (found.facts.has_timestamps, found.facts.first_pts, len(found.times.pts)) == (False, None, 0)


def test_keyframes_are_known_by_their_place(tmp_path: Path) -> None:
    found = examined(odd_clips.write(tmp_path, "open.mp4"))
    assert list(found.times.keys) == list(range(0, 192, 24))
