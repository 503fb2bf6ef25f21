"""The mask as a ZIP of PNGs: one for each frame, upright, exact, with its time."""

import zipfile
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from interface_node.errors import DiskFull, EngineFailed
from interface_node.pipeline.frames import Colour, Geometry, planes
from interface_node.pipeline.run import run
from interface_node.pipeline.sequence import MaskSequence, open_sequence
from interface_node.pipeline.source import scan
from interface_node.pipeline.spec import OutputFile, Plain, RunSpec
from protocol.states import Output
from tests import clips
from tests import independent_reader as reader
from tests.clips import Clip
from tests.fakes.segmenters import Halves
from tests.small_disk import small_disk


def sequence(source: Path, target: Path) -> OutputFile:
    """The masks of a video."""
    spec = RunSpec(source, Plain(0, 0, 0), {Output.MASK: target}, range=scan(source).whole())
    (made,) = run(spec, Halves(), lambda step: None, lambda: False).outputs
    return made


def pictures(path: Path) -> dict[str, NDArray[np.uint8]]:
    """What is in it, by name."""
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        assert {member.compress_type for member in file.infolist()} == {zipfile.ZIP_STORED}
        raw = {name: np.frombuffer(file.read(name), np.uint8) for name in file.namelist() if name.endswith(".png")}
    return {name: np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), np.uint8) for name, data in raw.items()}


def times(path: Path) -> list[float]:
    """In seconds."""
    with zipfile.ZipFile(path) as file:
        head, *lines = file.read("timestamps.txt").decode().splitlines()
    assert head == "# timestamp format v2"
    return [float(line) / 1000 for line in lines]


def test_each_frame_is_a_picture_with_its_number_and_its_time(tmp_path: Path) -> None:
    source = clips.variable_rate(tmp_path / "a.mkv", Clip(width=161, height=97, codec="libsvtav1", bframes=0))
    made = sequence(source, tmp_path / "m.zip")
    found = pictures(made.path)
    assert list(found) == [f"{number:06d}.png" for number in range(24)]
    for picture in found.values():
        assert picture.shape == (97, 161)
        assert (picture[:, :70].min(), picture[:, 90:].max()) == (255, 0)
    assert times(made.path) == pytest.approx([float(time) for time in reader.frame_times(source).times], abs=1e-6)
    assert (made.container, made.frames, made.width, made.height) == ("zip", 24, 161, 97)
    assert made.size == made.path.stat().st_size


def test_pictures_are_upright(tmp_path: Path) -> None:
    made = sequence(clips.write(tmp_path / "a.mp4", Clip(frames=2, rotation=90)), tmp_path / "m.zip")
    assert (made.width, made.height) == (96, 160)
    for picture in pictures(made.path).values():
        assert picture.shape == (160, 96)
        assert (picture[:, :40].min(), picture[:, 56:].max()) == (255, 0)


def test_equal_masks_make_equal_files(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "a.mp4", Clip(frames=3))
    assert sequence(source, tmp_path / "m.zip").sha256 == sequence(source, tmp_path / "n.zip").sha256


class Failing(Halves):
    """Gives up at its third picture."""

    def alpha(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        """Two halves."""
        if len(self.seen) == 2:
            raise EngineFailed("that is enough")
        return super().alpha(rgb)


def test_a_run_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    source, target = clips.write(tmp_path / "a.mp4"), tmp_path / "out" / "m.zip"
    spec = RunSpec(source, Plain(0, 0, 0), {Output.MASK: target})
    with pytest.raises(EngineFailed):
        run(spec, Failing(), lambda step: None, lambda: False)
    assert list(target.parent.iterdir()) == []


def filled(sink: MaskSequence, frame: VideoFrame) -> None:
    """More than a megabyte of noise."""
    for number in range(5):
        frame.pts = number
        sink.write(frame)


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    geometry = Geometry(640, 480, 0, None, None, "yuv420p", Colour(1, 1, 1, 1))
    frame = VideoFrame(640, 480, "yuv420p")
    planes(frame)[0][:] = clips.noise(640, 480, 1)[:, :, 0]
    with small_disk(tmp_path) as place:
        sink = open_sequence(place / "m.zip", geometry, Fraction(1, 25), 0)
        with pytest.raises(DiskFull, match=r"no room to write m\.zip"):
            filled(sink, frame)
        sink.discard()
        assert list(place.iterdir()) == []
