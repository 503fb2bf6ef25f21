"""The bench of segments notices what a result does not keep."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from scripts.bench import segments
from tests import odd_clips


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> segments.Seen:
    """What is read of a transport stream with sound."""
    return segments.seen(odd_clips.write(tmp_path_factory.mktemp("clips"), "closed.ts"))


def test_a_copy_in_another_container_keeps_everything(source: segments.Seen, tmp_path: Path) -> None:
    copied = tmp_path / "copied.mp4"
    segments.ffmpeg("-i", odd_clips.write(tmp_path, "closed.ts"), "-c", "copy", copied)
    assert segments.differences(source, segments.seen(copied)) == "equal"


def test_what_is_lost_moved_or_changed_is_told(source: segments.Seen) -> None:
    assert len(source.times) == odd_clips.SECONDS * 24
    late = [*source.times[:-1], source.times[-1] + Fraction(1, 100)]
    changed = replace(source, times=late, sound=source.sound[1:], lag=source.lag + Fraction(1, 50))
    told = "times up to 10.000 ms off; other sound; the sound begins 20.0 ms later"
    assert segments.differences(source, changed) == told
    assert segments.differences(source, replace(source, times=late[1:])) == "191 frames instead of 192"
