"""Parts joined by stream copy, judged by a reader that is not the one that wrote them."""

from fractions import Fraction
from pathlib import Path

import pytest

from interface_node.pipeline.spec import Progress
from protocol.work import Encoding
from tests import clips
from tests import independent_reader as reader
from tests.clips import Clip
from tests.interface_node.pipeline.segments import ALL, FINE, Task, pairs

VFR = [sum([33, 40, 17, 100, 33, 250, 8][i % 7] for i in range(n)) for n in range(30)]


@pytest.mark.parametrize(
    ("name", "clip", "cuts"),
    [
        ("reordered.mp4", Clip(bframes=3, audio="aac"), (7, 16)),
        ("ntsc.mp4", Clip(time_base=Fraction(1001, 30000), rate=30), (12,)),
        ("late.mkv", Clip(stamps=[500 + 40 * n for n in range(24)], time_base=Fraction(1, 1000)), (1, 2, 23)),
        ("edited.mov", Clip(stamps=[7 + n for n in range(24)], time_base=Fraction(1, 24), audio="aac"), (11,)),
        ("uneven.mp4", Clip(frames=30, stamps=VFR, time_base=Fraction(1, 1000), bframes=3), (5, 6, 19)),
        ("intra.mov", Clip(codec="mjpeg", pixels="yuvj420p"), (12,)),
        ("stream.ts", Clip(audio="aac"), (12,)),
        ("odd.mp4", Clip(width=161, height=97, pixels="yuv444p"), (12,)),
        ("ten.mp4", Clip(pixels="yuv420p10le"), (9,)),
    ],
)
def test_a_joined_video_has_the_sources_times_and_a_single_runs_streams(
    tmp_path: Path, name: str, clip: Clip, cuts: tuple[int, ...]
) -> None:
    task = Task(clips.write(tmp_path / name, clip), tmp_path)
    for single, joined in pairs(task, cuts):
        assert reader.frame_times(joined.path).times == reader.frame_times(task.source).times
        assert reader.frame_times(joined.path).times == reader.frame_times(single.path).times
        assert reader.streams(joined.path) == reader.streams(single.path)
        assert (joined.frames, joined.first_pts, joined.last_pts) == (single.frames, single.first_pts, single.last_pts)
        assert (joined.width, joined.height, joined.container) == (single.width, single.height, single.container)
        if clip.audio:
            assert reader.packet_hashes(joined.path, "a") == reader.packet_hashes(single.path, "a")
            assert reader.packet_times(joined.path)[1] == reader.packet_times(single.path)[1]


@pytest.mark.parametrize("encoding", [FINE, Encoding(crf=10, foreground="prores")])
def test_joined_pictures_are_the_parts_pictures(tmp_path: Path, encoding: Encoding) -> None:
    task = Task(clips.variable_rate(tmp_path / "a.mp4"), tmp_path, ALL, encoding)
    parts = task.parts((7, 16))
    for joined in task.join(parts):
        apart = [one for part in parts[joined.output] for one in reader.frame_hashes(part.path)]
        assert reader.frame_hashes(joined.path) == apart
        assert len(apart) == 24


def test_every_output_is_joined_like_a_single_run(tmp_path: Path) -> None:
    for encoding in (FINE, Encoding(crf=10, foreground="prores")):
        task = Task(clips.write(tmp_path / "a.mp4", Clip(bframes=3, audio="aac")), tmp_path, ALL, encoding)
        for single, joined in pairs(task, (8, 16)):
            assert reader.frame_times(joined.path).times == reader.frame_times(single.path).times
            assert reader.streams(joined.path) == reader.streams(single.path)


def test_rotation_pixel_shape_and_colour_tags_are_carried_over_the_joints(tmp_path: Path) -> None:
    clip = Clip(rotation=90, sar=Fraction(4, 3), colour=(2, 1, 1, 1))
    task = Task(clips.write(tmp_path / "a.mp4", clip), tmp_path, ALL)
    for single, joined in pairs(task, (12,)):
        assert reader.streams(joined.path) == reader.streams(single.path)
    text = reader.description(tmp_path / "joined" / "composite.mp4")
    assert "rotation of 90" in text
    assert "SAR 4:3" in text
    assert "(pc, bt709" in text


def test_subtitles_that_mp4_cannot_hold_make_the_joined_file_mkv(tmp_path: Path) -> None:
    task = Task(clips.write(tmp_path / "a.mkv", Clip(audio="aac", subtitles=True)), tmp_path)
    for single, joined in pairs(task, (12,)):
        assert (joined.path.name, joined.container) == ("composite.mkv", "mkv")
        assert reader.streams(joined.path) == reader.streams(single.path)
        for kind in "as":
            assert reader.packet_hashes(joined.path, kind) == reader.packet_hashes(task.source, kind)
        assert reader.packet_times(joined.path) == reader.packet_times(single.path)
    assert sorted(path.name for path in (tmp_path / "joined").iterdir()) == ["composite.mkv"]


def test_a_joined_file_can_be_played_while_it_is_loaded(tmp_path: Path) -> None:
    task = Task(clips.write(tmp_path / "a.mp4", Clip(audio="aac")), tmp_path)
    (joined,) = task.join(task.parts((12,)))
    data = joined.path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_progress_counts_packets_and_no_frames_of_the_video(tmp_path: Path) -> None:
    task = Task(clips.write(tmp_path / "a.mp4"), tmp_path, ALL)
    told: list[Progress] = []
    task.join(task.parts((12,)), told)
    assert (told[-1].stage, told[-1].done, told[-1].total, told[-1].frames_done) == ("assemble", 144, 144, 0)
    assert [one.done for one in told] == sorted(one.done for one in told)
