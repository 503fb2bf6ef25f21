"""A segment of a large video is read where it lies, and only as much of it as is needed."""

import asyncio
import hashlib
import itertools
import os
import time
from pathlib import Path

import pytest

from interface_node.coordinator_client.answers import Gone
from interface_node.errors import Cancelled, DiskFull, DownloadFailed, NotAVideo, SourceMismatch
from interface_node.jobs.attempt import Attempt
from interface_node.jobs.blocks import BLOCK_BYTES
from interface_node.pipeline.container import Media
from protocol.states import StepKind
from protocol.work import FrameRange
from tests import clips
from tests.clips import Clip
from tests.fakes.coordinator import FakeCoordinator
from tests.fakes.coordinator_wire import TOKEN
from tests.interface_node.jobs.sourcing import Reading, middle, reading, until
from tests.interface_node.pipeline.shown import Shown, shown
from tests.small_disk import small_disk

MIB = 1024 * 1024
LARGE = Clip(frames=240, width=320, height=240, noise=True, audio="aac")
KINDS = {
    "index-first.mp4": LARGE,
    "index-last.mp4": Clip(**{**LARGE.__dict__, "index_last": True}),
    "cues.mkv": LARGE,
    "stream.ts": LARGE,
}
MOST = {"stream.ts": 0.8}
"""Of a file's bytes. A transport stream has no index, so that a place in it is found by trying."""


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Ten megabytes each, ten seconds."""
    home = tmp_path_factory.mktemp("large")
    return {name: clips.write(home / name, clip) for name, clip in KINDS.items()}


@pytest.fixture(scope="module")
def pictures(videos: dict[str, Path]) -> dict[str, Shown]:
    """What each of them shows."""
    return {name: shown(path) for name, path in videos.items()}


class Video:
    """One of the videos and its middle: two seconds of ten, two megabytes of ten."""

    def __init__(self, path: Path, whole: Shown) -> None:
        self.path = path
        self.data = path.read_bytes()
        self.whole = whole

    def part(self, first: int, last: int, **changes: int) -> FrameRange:
        """Frames of it as a plan names them."""
        return middle(self.path, first, last, [pts for pts, _ in self.whole], **changes)


@pytest.fixture
def video(videos: dict[str, Path], pictures: dict[str, Shown]) -> Video:
    """The usual one."""
    return Video(videos["index-first.mp4"], pictures["index-first.mp4"])


async def see(node: Reading, attempt: Attempt) -> Shown:
    """What an attempt sees of its source, read in a thread as the pipeline does."""
    async with node.source(attempt) as media:
        return await asyncio.to_thread(shown, media, attempt.assignment.range)


def kept(home: Path) -> set[str]:
    """What lies in the cache, by kind."""
    return {path.suffix for path in (home / "cache").iterdir()}


@pytest.mark.parametrize("name", KINDS)
async def test_a_part_in_the_middle_shows_what_it_shows_on_disk_and_costs_a_fraction_of_the_file(
    coordinator: FakeCoordinator,
    tmp_path: Path,
    videos: dict[str, Path],
    pictures: dict[str, Shown],
    name: str,
) -> None:
    video = Video(videos[name], pictures[name])
    async with reading(coordinator, tmp_path) as node:
        seen = await see(node, node.attempt(video.data, video.part(121, 169)))
    assert seen == video.whole[121:169]
    assert coordinator.serving.bytes_sent < MOST.get(name, 0.6) * len(video.data)
    assert len(coordinator.serving.sent) < 30
    assert kept(tmp_path) == {".sparse", ".blocks"}


async def test_a_second_attempt_takes_what_is_there_also_after_a_restart(
    coordinator: FakeCoordinator, tmp_path: Path, video: Video
) -> None:
    async with reading(coordinator, tmp_path) as node:
        assert await see(node, node.attempt(video.data, video.part(96, 144))) == video.whole[96:144]
        first = node.fetched
    async with reading(coordinator, tmp_path) as node:
        assert await see(node, node.attempt(video.data, video.part(100, 140))) == video.whole[100:140]
        assert node.fetched <= MIB  # what was on its way when the first one ended
        assert await see(node, node.attempt(video.data, video.part(120, 180))) == video.whole[120:180]
        assert node.fetched < first


async def test_two_slots_share_what_they_fetch(coordinator: FakeCoordinator, tmp_path: Path, video: Video) -> None:
    async with reading(coordinator, tmp_path) as node:
        attempts = [node.attempt(video.data, video.part(96, 144)) for _ in range(2)]
        both = await asyncio.gather(*(see(node, attempt) for attempt in attempts))
    assert both[0] == both[1] == video.whole[96:144]
    starts = [start for start, _ in coordinator.serving.sent]
    assert len(starts) == len(set(starts))
    assert coordinator.serving.bytes_sent < 0.6 * len(video.data)


async def test_parts_of_the_whole_make_one_checked_file_of_it(
    coordinator: FakeCoordinator, tmp_path: Path, video: Video
) -> None:
    cuts = [None, *range(60, 240, 60), None]
    async with reading(coordinator, tmp_path) as node:
        seen: Shown = []
        for first, last in itertools.pairwise(cuts):
            whole = video.part(first or 1, last or 239)
            open_ended = {"frames": 60, "first_pts": None, "last_pts": None}
            ends = {"start_pts": whole.start_pts if first else None, "end_pts": whole.end_pts if last else None}
            attempt = node.attempt(video.data, whole.model_copy(update={**open_ended, **ends}))
            seen += await see(node, attempt)
        assert node.fetched == len(video.data)
    assert seen == video.whole
    [whole_file] = (tmp_path / "cache").iterdir()
    assert hashlib.sha256(whole_file.read_bytes()).hexdigest() == whole_file.name


async def test_what_needs_all_of_a_file_fetches_only_what_is_missing(
    coordinator: FakeCoordinator, tmp_path: Path, video: Video
) -> None:
    async with reading(coordinator, tmp_path) as node:
        await see(node, node.attempt(video.data, video.part(96, 144)))
        before = node.fetched
        attempt = node.attempt(video.data, None)
        async with node.source(attempt) as path:
            assert isinstance(path, Path)
            assert path.read_bytes() == video.data
        assert MIB < before < node.fetched == len(video.data)
    assert attempt.progress.done == attempt.progress.total == len(video.data)


async def test_a_playlist_that_calls_itself_a_video_is_refused_here_too(
    coordinator: FakeCoordinator, tmp_path: Path, video: Video
) -> None:
    script = f"ffconcat version 1.0\nfile '{video.path}'\n".encode()
    async with reading(coordinator, tmp_path) as node:
        with pytest.raises(NotAVideo, match="source is not a video that we read"):
            await see(node, node.attempt(script, video.part(96, 144)))


async def test_a_small_file_comes_at_once(coordinator: FakeCoordinator, tmp_path: Path, video: Video) -> None:
    async with reading(coordinator, tmp_path, small_bytes=len(video.data)) as node:
        assert await see(node, node.attempt(video.data, video.part(96, 144))) == video.whole[96:144]
    assert coordinator.serving.sent == [(0, len(video.data))]


async def test_a_picture_out_of_a_large_video_costs_little(
    coordinator: FakeCoordinator, tmp_path: Path, video: Video
) -> None:
    async with reading(coordinator, tmp_path) as node:
        assignment = coordinator.assignment(video.data, kind=StepKind.IMAGE, range=video.part(200, 201))
        assert await see(node, Attempt(assignment, 0)) == video.whole[200:201]
    assert coordinator.serving.bytes_sent < 3 * MIB


async def test_connections_that_break_and_answers_that_fail_cost_time_and_nothing_else(
    coordinator: FakeCoordinator, tmp_path: Path, video: Video
) -> None:
    coordinator.serving.cut = 3
    coordinator.faults.broken["file"] = 2
    async with reading(coordinator, tmp_path) as node:
        assert await see(node, node.attempt(video.data, video.part(96, 144))) == video.whole[96:144]
    assert coordinator.serving.bytes_sent < 0.7 * len(video.data)


async def test_a_server_that_ignores_ranges_is_refused(
    coordinator: FakeCoordinator, tmp_path: Path, video: Video
) -> None:
    coordinator.serving.ranges_ignored = True
    async with reading(coordinator, tmp_path) as node:
        with pytest.raises(DownloadFailed, match="the whole file came instead of bytes 0 to "):
            await see(node, node.attempt(video.data, video.part(96, 144)))
    assert coordinator.serving.bytes_sent <= 2 * len(video.data)


async def test_another_version_of_the_file_is_refused(
    coordinator: FakeCoordinator, tmp_path: Path, video: Video
) -> None:
    async with reading(coordinator, tmp_path) as node:
        attempt = node.attempt(video.data, video.part(96, 144))
        async with node.source(attempt) as media:
            assert await asyncio.to_thread(lambda: len(media_bytes(media, 0)))
            coordinator.serving.etag = '"another"'
            with pytest.raises(SourceMismatch, match='the source is now "another"'):
                await asyncio.to_thread(media_bytes, media, 5 * MIB)


async def test_another_size_is_refused(coordinator: FakeCoordinator, tmp_path: Path, video: Video) -> None:
    async with reading(coordinator, tmp_path) as node:
        attempt = node.attempt(video.data, video.part(96, 144))
        digest = attempt.assignment.source.sha256
        coordinator.files[digest] = video.data + b"more"
        coordinator.serving.etag = attempt.assignment.source.etag
        with pytest.raises(SourceMismatch, match=f"has {len(video.data) + 4} bytes, the assignment says "):
            await see(node, attempt)


async def test_bytes_of_something_else_are_found_when_the_whole_is_there_and_go(
    coordinator: FakeCoordinator, tmp_path: Path
) -> None:
    data = os.urandom(3 * BLOCK_BYTES)
    async with reading(coordinator, tmp_path) as node:
        attempt = node.attempt(data, FrameRange(stream=0, time_base="1/24", start_pts=1, frames=1))
        digest = attempt.assignment.source.sha256
        coordinator.files[digest] = data[:-1] + bytes([data[-1] ^ 1])
        coordinator.serving.etag = attempt.assignment.source.etag
        with pytest.raises(SourceMismatch, match=f"the assignment says {digest}"):
            async with node.source(attempt) as media:
                assert len(await asyncio.to_thread(lambda: everything(media))) == len(data)
        assert kept(tmp_path) == set()
        coordinator.files[digest] = data
        async with node.source(attempt) as media:
            assert await asyncio.to_thread(lambda: everything(media)) == data
        assert {path.name for path in (tmp_path / "cache").iterdir()} == {digest}


async def test_an_attempt_that_is_over_ends_its_reading(
    coordinator: FakeCoordinator, tmp_path: Path, video: Video
) -> None:
    coordinator.faults.gone_tokens.add(TOKEN)
    async with reading(coordinator, tmp_path) as node:
        with pytest.raises(Gone):
            await see(node, node.attempt(video.data, video.part(96, 144)))


async def test_a_read_that_waits_is_cancelled_at_once_and_its_neighbour_goes_on(
    coordinator: FakeCoordinator, tmp_path: Path, video: Video
) -> None:
    coordinator.serving.free.clear()
    async with reading(coordinator, tmp_path) as node:
        first, second = (node.attempt(video.data, video.part(96, 144)) for _ in range(2))
        cancelled = asyncio.create_task(see(node, first))
        await until(lambda: first.starved)
        other = asyncio.create_task(see(node, second))
        await until(lambda: second.starved)
        began = time.monotonic()
        first.stop("cancel")
        with pytest.raises(Cancelled):
            await cancelled
        assert time.monotonic() - began < 1.0
        coordinator.serving.free.set()
        assert await other == video.whole[96:144]


async def test_bytes_that_arrive_before_the_first_frame_are_progress(
    coordinator: FakeCoordinator, tmp_path: Path, video: Video
) -> None:
    async with reading(coordinator, tmp_path) as node:
        attempt = node.attempt(video.data, video.part(96, 144))
        await see(node, attempt)
        assert attempt.progress.stage == "fetch"
        assert 0 < attempt.progress.done < attempt.progress.total == len(video.data)


async def test_a_full_disk_is_said_to_be_one(coordinator: FakeCoordinator, tmp_path: Path, video: Video) -> None:
    with small_disk(tmp_path) as home:
        async with reading(coordinator, home) as node:
            with pytest.raises(DiskFull, match="no room for the source"):
                await see(node, node.attempt(video.data, video.part(96, 144)))


def media_bytes(media: Media, offset: int) -> bytes:
    """Some bytes of a source that is not a file here."""
    assert not isinstance(media, Path)
    reader = media.open()
    reader.seek(offset)
    return reader.read(1000) or b""


def everything(media: Media) -> bytes:
    """All bytes of it."""
    assert not isinstance(media, Path)
    return media.open().read() or b""
