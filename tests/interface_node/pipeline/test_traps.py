"""Files that name others, never end, or are larger than they say: read by the pipeline, refused in words."""

import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from interface_node.errors import (
    BrokenMedia,
    InputError,
    MediaTooLarge,
    NotAnImage,
    NotAVideo,
    TooManyStreams,
    UnsupportedContainer,
)
from interface_node.pipeline.container import open_media, video_stream
from interface_node.pipeline.run import run
from interface_node.pipeline.spec import Picture, Plain, RunSpec
from protocol.states import Output
from protocol.work import Encoding
from tests import clips, traps
from tests.fakes.segmenters import Halves


@pytest.fixture
def network() -> Iterator[socket.socket]:
    """Where a file that is obeyed would call."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def attempt(source: Path, folder: Path) -> int:
    """The composite's frames; a failure must leave nothing."""
    spec = RunSpec(source, Plain(0, 200, 0), {Output.COMPOSITE: folder / "c.mp4"}, Encoding(preset="ultrafast"))
    try:
        return run(spec, Halves(), lambda progress: None, lambda: False).frames
    except InputError:
        assert not folder.exists() or list(folder.iterdir()) == []
        raise


@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".ffconcat", ".sdp", ".idx"])
@pytest.mark.parametrize("what", traps.NAMING)
def test_a_file_that_names_another_one_is_refused_and_nothing_is_called(
    tmp_path: Path, network: socket.socket, what: str, suffix: str
) -> None:
    path = traps.NAMING[what](tmp_path / f"a{suffix}", network.getsockname()[1])
    with pytest.raises(NotAVideo):
        attempt(path, tmp_path / "out")
    with pytest.raises(BlockingIOError):
        network.accept()


@pytest.mark.parametrize("what", traps.NAMING)
def test_a_background_that_names_another_file_is_no_picture(tmp_path: Path, network: socket.socket, what: str) -> None:
    path = traps.NAMING[what](tmp_path / "a.png", network.getsockname()[1])
    spec = RunSpec(
        clips.write(tmp_path / "v.mp4"), Picture(path), {Output.COMPOSITE: tmp_path / "out" / "c.mp4"}, Encoding()
    )
    with pytest.raises(NotAnImage):
        run(spec, Halves(), lambda progress: None, lambda: False)
    with pytest.raises(BlockingIOError):
        network.accept()


def test_a_pipe_that_never_ends_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.mp4")
    with pytest.raises(NotAVideo, match="is not a file"):
        attempt(tmp_path / "a.mp4", tmp_path / "out")


def test_a_decoder_that_is_not_for_strangers_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedContainer, match="codec zmbv, which is not accepted"):
        attempt(traps.other_codec(tmp_path / "a.avi"), tmp_path / "out")


@pytest.mark.parametrize(("count", "error"), [(17, TooManyStreams), (100, MediaTooLarge)])
def test_more_streams_than_allowed_are_refused_however_many(
    tmp_path: Path, count: int, error: type[InputError]
) -> None:
    with pytest.raises(error):
        attempt(traps.many_streams(tmp_path / "a.mp4", count), tmp_path / "out")


def test_a_stream_that_changes_its_size_keeps_the_first_one_and_every_frame(tmp_path: Path) -> None:
    assert attempt(traps.changes_size(tmp_path / "a.ts"), tmp_path / "out") == 24
    with open_media(tmp_path / "out" / "c.mp4") as made:
        stream = video_stream(made)
        assert (stream.width, stream.height) == (160, 96)


def test_frames_that_are_years_apart_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaTooLarge, match="90000000 s after the first"):
        attempt(traps.years(tmp_path / "a.mkv"), tmp_path / "out")


def test_an_index_of_millions_of_pictures_is_refused_before_they_are_read(tmp_path: Path) -> None:
    with pytest.raises(MediaTooLarge, match="the index names 3000000 pictures"):
        attempt(traps.repeated(tmp_path / "a.mp4", 3_000_000), tmp_path / "out")


def test_a_picture_that_is_larger_than_its_video_says_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    path = traps.bomb_inside(tmp_path / "a.mov")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BrokenMedia):
        attempt(path, tmp_path / "out")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000
