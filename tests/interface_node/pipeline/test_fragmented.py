"""Files that can be played while they are written."""

import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from interface_node.pipeline.assemble import AssembleSpec, assemble
from interface_node.pipeline.source import scan
from protocol.states import Output
from protocol.work import Encoding
from tests import clips
from tests import independent_reader as reader
from tests.clips import Clip
from tests.fakes.segmenters import Halves
from tests.interface_node.pipeline.segments import Task

UNEVEN = [2000 + 40 * number + 13 * (number % 3) for number in range(24)]


def kinds(path: Path) -> list[bytes]:
    """The outermost boxes of an mp4, in order."""
    data, place, found = path.read_bytes(), 0, []
    while place < len(data):
        found.append(data[place + 4 : place + 8])
        place += int.from_bytes(data[place : place + 4])
    return found


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
@pytest.mark.parametrize("clip", [Clip(audio="aac"), Clip(stamps=UNEVEN, time_base=Fraction(1, 1000), audio="aac")])
def test_a_fragmented_file_has_the_times_and_the_sound_of_the_source(tmp_path: Path, codec: str, clip: Clip) -> None:
    encoding = Encoding.model_validate({"codec": codec, "fragmented": True})
    task = Task(clips.write(tmp_path / "a.mp4", clip), tmp_path, encoding=encoding)
    (single,) = task.run("single")
    parts = task.parts((7, 12))
    spec = AssembleSpec(task.source, scan(task.source).whole(), parts, task.paths("joined"), fragmented=True)
    (joined,) = assemble(spec, lambda progress: None, lambda: False).outputs
    for made in (single, joined):
        assert kinds(made.path)[:3] == [b"ftyp", b"moov", b"moof"]
        assert reader.frame_times(made.path).times == reader.frame_times(task.source).times
        assert not reader.frame_times(made.path).complaints
        assert reader.packet_hashes(made.path, "a") == reader.packet_hashes(task.source, "a")
        assert reader.first_sound(made.path) == reader.first_sound(task.source)
    assert b"moof" not in kinds(parts[Output.COMPOSITE][0].path)


def test_a_file_is_playable_while_it_is_written(tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"

    class Watching(Halves):
        """Takes a copy of the unfinished file at its 140th frame."""

        def alpha(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
            if len(self.seen) == 139:
                shutil.copy(tmp_path / "single" / "composite.mp4.part", copy)
            return super().alpha(rgb)

    source = clips.write(tmp_path / "a.mp4", Clip(frames=144, audio="aac"))
    Task(source, tmp_path, encoding=Encoding(fragmented=True, preset="ultrafast"), model=Watching).run("single")
    shown = reader.frame_times(copy).times
    assert 24 <= len(shown) < 144
    assert shown == reader.frame_times(source).times[: len(shown)]
