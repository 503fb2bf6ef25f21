"""A moving background shows the frame that is due at the source's time, whoever does whichever part of the video."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from interface_node.errors import BrokenMedia, Cancelled, NotAVideo
from interface_node.pipeline.background import background_planes, open_behind
from interface_node.pipeline.frames import planes
from interface_node.pipeline.moving import Player, read_reel
from interface_node.pipeline.run import run
from interface_node.pipeline.source import open_source, scan
from interface_node.pipeline.spec import Movie, Picture, RunSpec
from protocol.states import Output
from protocol.work import FrameRange
from tests import clips, odd_clips
from tests import independent_reader as reader
from tests.clips import Clip
from tests.fakes.segmenters import Halves
from tests.interface_node.pipeline import greys
from tests.interface_node.pipeline.segments import FINE, ranges

ODD = ("open.mp4", "intra-refresh.mp4", "torn-open.ts", "hidden-frames.webm", "uneven.mp4", "colliding.mp4")


def composite(source: Path, movie: Movie, out: Path, wanted: FrameRange | None = None) -> Path:
    """The left half of `source` over `movie`."""
    spec = RunSpec(source, movie, {Output.COMPOSITE: out}, FINE, wanted or scan(source).whole())
    (made,) = run(spec, Halves(), lambda progress: None, lambda: False).outputs
    return made.path


def numbers(source: Path, movie: Movie) -> list[int]:
    """Which background frame each frame of `source` shows."""
    return greys.shown_behind(composite(source, movie, source.with_name("out.mp4")))


def behind(source: Path, movie: Movie, wanted: FrameRange) -> list[tuple[int, str]]:
    """What is put behind the frames of a range: their pts, and the hash of every plane."""
    spec = RunSpec(source, movie, {Output.COMPOSITE: Path("unused.mp4")}, FINE, wanted)
    found: list[tuple[int, str]] = []
    with open_source(source, wanted) as opened, open_behind(spec, opened, lambda: False) as made:
        for frame, own in opened.frames:
            if own:
                shown = made(planes(frame), (), frame.pts or 0)
                found.append((frame.pts or 0, hashlib.sha256(b"".join(p.tobytes() for p in shown)).hexdigest()))
    return found


def test_ten_pictures_a_second_are_shown_three_times_each_at_thirty(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "source.mp4", Clip(frames=30, rate=30))
    slow = greys.write(tmp_path / "slow.mp4", frames=10, rate=10)
    assert numbers(source, Movie(slow)) == [number // 3 for number in range(30)]


def test_of_fifty_pictures_a_second_those_that_are_due_are_shown(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "source.mp4", Clip(frames=12, rate=25))
    fast = greys.write(tmp_path / "fast.mp4", frames=30, rate=50)
    assert numbers(source, Movie(fast)) == [2 * number for number in range(12)]


@pytest.mark.parametrize("name", ["loop.mp4", "loop.mkv", "loop.ts", "loop.mov"])
def test_the_loop_begins_again_exactly_where_the_last_picture_ends(tmp_path: Path, name: str) -> None:
    source = clips.write(tmp_path / "source.mp4", Clip(frames=50, rate=30))
    five = greys.write(tmp_path / name, frames=5, rate=10)
    assert numbers(source, Movie(five)) == [number // 3 % 5 for number in range(50)]


def test_what_is_not_looped_is_held_on_its_last_picture(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "source.mp4", Clip(frames=30, rate=30))
    five = greys.write(tmp_path / "five.mp4", frames=5, rate=10)
    assert numbers(source, Movie(five, loop=False)) == [min(number // 3, 4) for number in range(30)]


def test_equal_rates_that_containers_round_differently_stay_in_step(tmp_path: Path) -> None:
    for source_name, name in (("source.mp4", "b.mkv"), ("source.mkv", "b.mp4"), ("source.mkv", "c.mkv")):
        source = clips.write(tmp_path / source_name, Clip(frames=30, rate=30))
        assert numbers(source, Movie(greys.write(tmp_path / name, frames=30, rate=30))) == list(range(30)), name


def test_both_may_have_a_variable_rate(tmp_path: Path) -> None:
    source = clips.variable_rate(tmp_path / "source.mp4")
    stamps = [0, 120, 130, 400, 410]
    uneven = greys.write(tmp_path / "u.mp4", 5, 25, stamps=stamps, time_base=Fraction(1, 1000))
    length = read_reel(uneven).length * read_reel(uneven).time_base
    expected = []
    for time in reader.frame_times(source).times:
        place = (time - reader.frame_times(source).times[0]) % length
        expected.append(max(number for number, pts in enumerate(stamps) if Fraction(pts, 1000) <= place))
    assert numbers(source, Movie(uneven)) == expected


def test_time_begins_with_the_first_picture_of_either(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "s.ts", Clip(frames=12, rate=24, stamps=range(48, 60), time_base=Fraction(1, 24)))
    late = greys.write(tmp_path / "l.ts", frames=12, rate=24)
    assert read_reel(late).first_pts != 0
    assert numbers(source, Movie(late)) == list(range(12))


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("loop", [True, False])
def test_segments_have_the_pictures_of_a_whole_run(tmp_path: Path, name: str, loop: bool) -> None:
    source = clips.write(tmp_path / "source.mp4", Clip(frames=90, rate=10))
    moving = Movie(odd_clips.write(tmp_path, name), loop=loop)
    whole = behind(source, moving, scan(source).whole())
    assert len({picture for _, picture in whole}) > 20
    for origin in (None, 0):
        parts = [behind(source, replace(moving, origin=origin), part) for part in ranges(source, [31, 60])]
        assert [frame for part in parts for frame in part] == whole


def test_frames_that_warm_a_model_up_do_not_move_the_background(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "source.mp4", Clip(frames=48, rate=24))
    ten = Movie(greys.write(tmp_path / "ten.mp4", frames=30, rate=10))
    part = ranges(source, [20])[1].model_copy(update={"warmup_frames": 7})
    made = composite(source, ten, tmp_path / "part.mp4", part)
    assert greys.shown_behind(made) == numbers(source, ten)[20:]


def test_the_sound_of_a_background_never_comes_through(tmp_path: Path) -> None:
    silent = clips.write(tmp_path / "source.mp4")
    loud = clips.write(tmp_path / "loud.mp4", Clip(audio="aac"))
    made = composite(silent, Movie(loud), tmp_path / "out.mp4")
    assert "Audio" in reader.description(loud)
    assert "Audio" not in reader.description(made)


def test_reading_goes_forward_and_back_and_holds_one_picture(tmp_path: Path) -> None:
    path = greys.write(tmp_path / "a.mp4", frames=30, rate=10)
    player = Player(path, read_reel(path))
    try:
        for number in (0, 5, 29, 12, 12, 0, 28):
            frame, geometry = player.frame(number)
            assert (geometry.width, geometry.height) == (64, 48)
            assert abs(float(planes(frame)[0].mean()) - greys.DARKEST - greys.STEP * number) <= 1
    finally:
        player.close()


def test_a_background_without_times_is_counted(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "source.mp4", Clip(frames=30, rate=30))
    untimed = greys.write(tmp_path / "a.avi", frames=10, rate=10, codec="mpeg4")
    assert numbers(source, Movie(untimed)) == [number // 3 for number in range(30)]


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (clips.truncated, BrokenMedia),
        (clips.broken_in_the_middle, BrokenMedia),
        (clips.sound_only, NotAVideo),
        (lambda path: clips.playlist(path, path), NotAVideo),
    ],
)
def test_what_is_wrong_with_a_background_is_said_of_it(
    tmp_path: Path, make: Callable[[Path], Path], error: type[Exception]
) -> None:
    source = clips.write(tmp_path / "source.mp4", Clip(frames=48))
    with pytest.raises(error, match=r"^the background: "):
        composite(source, Movie(make(tmp_path / "b.mp4")), tmp_path / "out.mp4")
    assert not list(tmp_path.glob("out*"))


def test_a_cancel_reaches_the_reading_of_a_background(tmp_path: Path) -> None:
    path = greys.write(tmp_path / "a.mp4", frames=30, rate=10)
    with pytest.raises(Cancelled):
        Player(path, read_reel(path), lambda: True).frame(20)


def test_a_background_is_not_read_where_no_composite_is_made(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "source.mp4")
    spec = RunSpec(source, Movie(tmp_path / "gone.mp4"), {Output.MASK: tmp_path / "mask.mp4"}, FINE)
    (made,) = run(spec, Halves(), lambda progress: None, lambda: False).outputs
    assert np.ptp(reader.rgb_frames(made.path, (160, 96))) > 200


@pytest.mark.parametrize("transfer", [16, 18])
def test_an_ordinary_video_behind_an_hdr_one_is_as_bright_as_a_picture_of_it(tmp_path: Path, transfer: int) -> None:
    hdr = Clip(codec="libx265", pixels="yuv420p10le", colour=(1, 9, 9, transfer), frames=3)
    source = clips.write(tmp_path / "source.mp4", hdr)
    moving = clips.write(tmp_path / "b.mp4", Clip(frames=3, colour=(1, 5, 6, 6)))
    still = tmp_path / "b.png"
    cv2.imwrite(str(still), np.ascontiguousarray(reader.rgb_frames(moving, (160, 96))[0][:, :, ::-1]))
    spec = RunSpec(source, Movie(moving), {Output.COMPOSITE: Path("unused.mp4")}, FINE, scan(source).whole())
    with open_source(source) as opened, open_behind(spec, opened, lambda: False) as made:
        assert opened.geometry.colour.transfer == transfer
        shown = made((), (), 0)
        expected = background_planes(Picture(still), opened.geometry)
    for plane, wanted in zip(shown, expected, strict=True):
        assert plane.dtype == np.uint16
        assert np.abs(plane.astype(int) - wanted).mean() < 8
