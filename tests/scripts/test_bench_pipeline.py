"""The bench of the pipeline: real contenders on a small clip, and what it makes of their times."""

from pathlib import Path

import pytest

from interface_node.errors import DownloadFailed
from interface_node.models import catalogue, store
from interface_node.settings import from_environment
from scripts.bench import environments, memory, moving_clip, pipeline
from scripts.bench.pipeline import Timing
from tests import clips
from tests import independent_reader as reader


@pytest.fixture
def cache() -> Path:
    """The usual cache, with the default model."""
    found = from_environment().segfleet_cache
    try:
        store.pull(found, catalogue.find(found, "selfie"))
    except DownloadFailed as error:
        pytest.skip(f"THE DEFAULT MODEL CANNOT BE HAD: {error.detail}")
    return found


def test_each_contender_that_needs_no_other_environment_makes_every_frame(tmp_path: Path, cache: Path) -> None:
    clip = moving_clip.write(tmp_path / "clip.mp4", 320, 180, 12)
    names = ["segfleet", "floor", "ffmpeg"]
    found = pipeline.contenders(clip, clips.still(tmp_path / "behind.png"), cache, names)
    timings = pipeline.measured(found, 2, tmp_path)
    assert list(timings) == names
    for name, taken in timings.items():
        assert [timing.frames for timing in taken] == [12, 12]
        assert min(min(timing.wall_s, timing.cpu_s) for timing in taken) > 0
        assert len(reader.frame_times(tmp_path / f"{name}.mp4").times) == 12
    assert [row[0] for row in pipeline.rows_of(timings)] == ["", *names]


def test_the_bars_are_judged_by_the_medians_of_those_that_ran() -> None:
    timings = {
        "segfleet": [Timing(100, wall, 2.0) for wall in (1.4, 9.0, 1.3)],
        "floor": [Timing(100, 1.0, 1.0)],
        "mediapipe": [Timing(100, 4.0, 4.0)],
    }
    walls, cpus = pipeline.medians(timings)
    assert (walls["segfleet"], cpus["segfleet"]) == (1.4, 2.0)
    verdicts = pipeline.verdicts(walls)
    assert [holds for holds, _ in verdicts] == [True, False]
    assert verdicts[1][1] == "mediapipe / segfleet = 2.86 (at least 3.5): MISSED"


def test_what_has_no_wheels_for_this_python_is_said_and_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(environments.NotHad, match="no wheels for Python 3"):
        environments.python_of(tmp_path / "old", ("whatever==1",), (3, 4))
    assert not (tmp_path / "old").exists()


def test_memory_is_measured_in_a_process_of_its_own_on_a_looped_clip(tmp_path: Path) -> None:
    clip = moving_clip.write(tmp_path / "clip.mp4", 160, 96, 24)
    video = memory.looped(clip, 3, tmp_path / "long.mp4")
    peak = memory.peak_of(video, clips.still(tmp_path / "behind.png"), tmp_path / "out.mp4", model=False)
    assert peak.frames == 72
    assert 20 < peak.imports_mib <= peak.peak_mib
    assert not (tmp_path / "out.mp4").exists()
