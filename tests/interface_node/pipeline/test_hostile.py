"""Bad files end with their own error, before the work where that is possible, and leave nothing behind."""

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import pytest
from av.video.stream import VideoStream

from interface_node.errors import (
    BrokenMedia,
    FramesMismatch,
    InputError,
    MediaTooLarge,
    NodeError,
    NoFrames,
    NotAnImage,
    NotAVideo,
    OutputUnwritable,
    TooManyStreams,
    UnsupportedContainer,
)
from interface_node.pipeline.run import run
from interface_node.pipeline.source import scan
from interface_node.pipeline.spec import Picture, Plain, RunSpec
from protocol.states import Output
from tests import clips
from tests.clips import Clip
from tests.fakes.segmenters import Halves

ROOT = Path(__file__).resolve().parents[3]
GREEN = Plain(0, 200, 0)


def attempt(source: Path, folder: Path, **changes: Any) -> None:
    """Ask for every output of `source`."""
    outputs = {Output.COMPOSITE: folder / "c.mp4", Output.MASK: folder / "m.mp4", Output.FOREGROUND: folder / "f.webm"}
    spec = RunSpec(**{"source": source, "background": GREEN, "outputs": outputs, **changes})
    run(spec, Halves(), lambda progress: None, lambda: False)


def refusal(source: Path, folder: Path, **changes: Any) -> NodeError:
    """The error of an attempt that must fail, after looking that nothing was left."""
    with pytest.raises(NodeError) as caught:
        attempt(source, folder, **changes)
    assert not folder.exists() or list(folder.iterdir()) == []
    return caught.value


def test_a_text_file_is_not_a_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("Dear reader, this is not a video. " * 100, encoding="utf-8")
    assert isinstance(refusal(path, tmp_path / "out"), NotAVideo)


def test_an_empty_file_is_not_a_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.touch()
    assert isinstance(refusal(path, tmp_path / "out"), NotAVideo)


def test_a_playlist_under_a_videos_name_is_not_opened(tmp_path: Path) -> None:
    neighbour = clips.write(tmp_path / "secret.mp4")
    assert isinstance(refusal(clips.playlist(tmp_path / "a.mp4", neighbour), tmp_path / "out"), NotAVideo)


@pytest.mark.parametrize("name", ["concat:a.mp4", "subfile,,start,0,end,0,,:a.mp4", "http:a.mp4"])
def test_a_file_name_cannot_name_a_protocol(tmp_path: Path, name: str) -> None:
    path = clips.write(tmp_path / "a.mp4").rename(tmp_path / name)
    attempt(path, tmp_path / "out")
    assert (tmp_path / "out" / "c.mp4").is_file()


def test_sound_without_a_picture_is_not_a_video(tmp_path: Path) -> None:
    assert isinstance(refusal(clips.sound_only(tmp_path / "a.mp4"), tmp_path / "out"), NotAVideo)


def test_a_video_without_frames_is_refused(tmp_path: Path) -> None:
    error = refusal(clips.without_frames(tmp_path / "a.mp4"), tmp_path / "out")
    assert isinstance(error, NoFrames | NotAVideo)


def test_a_file_that_is_cut_off_is_refused_before_the_work(tmp_path: Path) -> None:
    error = refusal(clips.truncated(tmp_path / "a.mp4"), tmp_path / "out")
    assert isinstance(error, BrokenMedia)
    assert "cut off" in error.detail


def test_a_file_that_breaks_in_the_middle_ends_as_broken_and_leaves_nothing(tmp_path: Path) -> None:
    error = refusal(clips.broken_in_the_middle(tmp_path / "a.mp4"), tmp_path / "out")
    assert isinstance(error, BrokenMedia)
    assert (error.code, error.error_class, error.retryable) == ("broken_media", "input", False)
    assert "after 24 frames" in error.detail


def test_frames_that_are_missing_from_the_plan_fail_the_run_and_leave_nothing(tmp_path: Path) -> None:
    path = clips.write(tmp_path / "a.mp4")
    planned = scan(path).whole().model_copy(update={"frames": 30})
    assert isinstance(refusal(path, tmp_path / "out", range=planned), FramesMismatch)


def test_more_than_sixteen_streams_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as output:
        streams = [output.add_stream("libx264", rate=24) for _ in range(17)]
        for stream in streams:
            assert isinstance(stream, VideoStream)
            stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        frame = av.VideoFrame(16, 16, "yuv420p")
        for stream in streams:
            assert isinstance(stream, VideoStream)
            output.mux([*stream.encode(frame), *stream.encode(None)])
    assert isinstance(refusal(path, tmp_path / "out"), TooManyStreams)


def test_a_side_of_more_than_8192_pixels_is_refused(tmp_path: Path) -> None:
    path = clips.write(tmp_path / "a.mkv", Clip(frames=1, width=8208, height=16))
    assert isinstance(refusal(path, tmp_path / "out"), MediaTooLarge)


def test_a_background_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    bad = tmp_path / "background.png"
    bad.write_bytes(b"GIF89a, really")
    error = refusal(clips.write(tmp_path / "a.mp4"), tmp_path / "out", background=Picture(bad))
    assert isinstance(error, NotAnImage)
    assert isinstance(error, InputError)


def test_a_background_bomb_is_refused_from_its_header(tmp_path: Path) -> None:
    bomb = clips.huge_png(tmp_path / "background.png")
    error = refusal(clips.write(tmp_path / "a.mp4"), tmp_path / "out", background=Picture(bomb))
    assert isinstance(error, MediaTooLarge)


@pytest.mark.parametrize("codec", [b"V_MPEG4/ISO/AVC", b"A_OPUS"])
def test_a_codec_that_nobody_knows_is_refused(tmp_path: Path, codec: bytes) -> None:
    path = clips.write(tmp_path / "a.mkv", Clip(audio="libopus"))
    path.write_bytes(path.read_bytes().replace(codec, codec[:2] + b"Z" * (len(codec) - 2)))
    assert isinstance(refusal(path, tmp_path / "out"), UnsupportedContainer)


def test_damaged_files_end_in_a_result_or_in_a_named_error(tmp_path: Path) -> None:
    clip = Clip(frames=6, audio="aac")
    seeds = [clips.write(tmp_path / f"a{suffix}", clip) for suffix in (".mp4", ".mkv", ".ts")]
    chance = random.Random(20261121)
    ends = {"whole": 0, "input": 0}
    for _ in range(60):
        seed = chance.choice(seeds)
        data = bytearray(seed.read_bytes())
        for _ in range(chance.choice((1, 5, 40))):
            data[chance.randrange(min(len(data), 4000))] = chance.randrange(256)
        path = tmp_path / f"m{seed.suffix}"
        path.write_bytes(data)
        try:
            attempt(path, tmp_path / "out", outputs={Output.COMPOSITE: tmp_path / "out" / "c.mp4"})
            ends["whole"] += 1
        except NodeError as error:
            ends[str(error.error_class)] += 1
    assert ends["whole"] + ends["input"] == 60
    assert min(ends.values()) > 5


def test_a_full_disk_is_the_machines_fault_and_leaves_nothing(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "a.mp4", Clip(frames=60, width=320, height=180))
    program = [sys.executable, "-m", "tests.interface_node.pipeline.small_disk"]
    command = [*program, str(source), str(tmp_path / "out" / "c.mp4"), "20000"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "DiskFull resources\n"
    assert list((tmp_path / "out").iterdir()) == []


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where a folder must be", encoding="utf-8")
    with pytest.raises(OutputUnwritable):
        attempt(clips.write(tmp_path / "a.mp4"), tmp_path / "out")
