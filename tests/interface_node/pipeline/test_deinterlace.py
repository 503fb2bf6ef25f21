"""Interlaced sources: whole pictures, as many as before, the same in segments as in one run."""

import subprocess
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest

from interface_node.pipeline.deinterlace import deinterlaced
from interface_node.pipeline.source import open_source
from tests import clips
from tests import independent_reader as reader
from tests.fakes.segmenters import Everything
from tests.interface_node.pipeline.segments import Task, ranges
from tests.interface_node.pipeline.shown import shown, shown_around

FIELDS = "-f lavfi -i testsrc2=size=160x96:rate=50:duration=2 -vf interlace=scan=tff"
WRITTEN = {
    "h264.mp4": "-c:v libx264 -preset ultrafast -g 12 -bf 2 -flags +ilme+ildct -x264-params tff=1",
    "mpeg2.ts": "-c:v mpeg2video -g 12 -bf 2 -b:v 4M -flags +ilme+ildct",
    "prores.mov": "-c:v prores_ks -flags +ilme+ildct",
}


def interlaced(path: Path) -> Path:
    """Fifty frames of two fields each, written by the ffmpeg program."""
    program = str(imageio_ffmpeg.get_ffmpeg_exe())
    command = [program, "-y", "-v", "error", *FIELDS.split(), *WRITTEN[path.name].split(), str(path)]
    subprocess.run(command, check=True)
    return path


def combing(path: Path) -> float:
    """How much neighbouring rows differ beyond those that are two apart: the teeth of two moments in one picture."""
    luma = reader.luma_and_chroma(path, (160, 96))[0].astype(float)
    near = np.abs(luma[:, 1:-1] - (luma[:, :-2] + luma[:, 2:]) / 2).mean()
    far = np.abs(luma[:, 2:] - luma[:, :-2]).mean()
    return float(near / far)


@pytest.mark.parametrize("name", list(WRITTEN))
def test_an_interlaced_source_becomes_whole_pictures_at_the_same_times(tmp_path: Path, name: str) -> None:
    source = interlaced(tmp_path / name)
    (made,) = Task(source, tmp_path, model=Everything).run("single")
    assert reader.frame_times(made.path).times == reader.frame_times(source).times
    assert made.frames == 50
    assert combing(made.path) < 0.75 * combing(source)
    (line,) = [one for one in reader.streams(made.path) if "Video:" in one]
    assert "first" not in line


@pytest.mark.parametrize("name", list(WRITTEN))
def test_segments_of_an_interlaced_source_show_what_the_whole_shows(tmp_path: Path, name: str) -> None:
    source = interlaced(tmp_path / name)
    whole = shown(source)
    plan = ranges(source, (7, 12, 30))
    assert [one for part in plan for one in shown(source, part)] == whole
    warm = plan[2].model_copy(update={"warmup_frames": 3, "lookahead_frames": 2})
    around = shown_around(source, warm)
    assert [(pts, pixels) for pts, pixels, _ in around] == whole[9:32]
    assert [own for *_, own in around] == [False] * 3 + [True] * 18 + [False] * 2


def test_what_is_made_of_an_interlaced_source_is_not_tagged_as_interlaced(tmp_path: Path) -> None:
    source = interlaced(tmp_path / "h264.mp4")
    (made,) = Task(source, tmp_path).run("single")
    with open_source(made.path) as again:
        assert not any(frame.interlaced_frame for frame, _ in again.frames)


def frames_of(path: Path) -> list[av.VideoFrame]:
    """As they are decoded."""
    with av.open(str(path)) as file:
        return list(file.decode(video=0))


def test_progressive_frames_pass_as_they_are_and_other_sizes_begin_anew(tmp_path: Path) -> None:
    plain = frames_of(clips.write(tmp_path / "a.mp4"))
    assert list(deinterlaced(iter(plain))) == plain
    fields = frames_of(interlaced(tmp_path / "h264.mp4"))[:6]
    other = [frame.reformat(width=96, height=64) for frame in plain[3:6]]
    for frame, like in zip(other, plain[3:6], strict=True):
        frame.pts, frame.time_base = like.pts, like.time_base
    made = list(deinterlaced(iter([*plain[:3], *fields, *other])))
    assert [(frame.pts, frame.width) for frame in made] == [
        (frame.pts, frame.width) for frame in (*plain[:3], *fields, *other)
    ]
    assert not any(frame.interlaced_frame for frame in made)
