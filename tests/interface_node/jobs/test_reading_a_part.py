"""A segment of a large video is read where it lies, and only as much of it as is needed."""

import asyncio
import hashlib
import itertools
import time
from pathlib import Path

import pytest

from interface_node.coordinator_client.answers import Gone
from interface_node.errors import Cancelled, NotAVideo
from interface_node.jobs.attempt import Attempt
from protocol.states import StepKind
from tests import clips, odd_clips
from tests.clips import Clip
from tests.fakes.coordinator import FakeCoordinator
from tests.fakes.coordinator_wire import TOKEN
from tests.interface_node.jobs.sourcing import LARGE, MIB, Video, kept, reading, see, until
from tests.interface_node.pipeline.shown import Shown, shown
from tests.system.patience import busy

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


@pytest.mark.parametrize("name", ["fragments.mp4", "no-cues.mkv", "wraps.ts", "torn-intra-refresh.ts", "mpeg4.avi"])
async def test_odd_videos_show_the_same_frames_from_afar(
    coordinator: FakeCoordinator, tmp_path: Path, name: str
) -> None:
    path = odd_clips.write(tmp_path, name)
    video = Video(path, shown(path))
    last = len(video.whole) - 3
    async with reading(coordinator, tmp_path) as node:
        seen = await see(node, node.attempt(video.data, video.part(60, last, warmup_frames=6, lookahead_frames=2)))
    assert seen == video.whole[60:last]


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
        assert time.monotonic() - began < busy(1.0)
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
