"""Servers and disks that are not what they should be, while a part of a video is read."""

import asyncio
import os
from pathlib import Path

import pytest

from interface_node.errors import DiskFull, DownloadFailed, SourceMismatch
from interface_node.jobs.blocks import BLOCK_BYTES
from interface_node.pipeline.container import Media
from protocol.work import FrameRange
from tests.fakes.coordinator import FakeCoordinator
from tests.interface_node.jobs.sourcing import MIB, Video, kept, reading, see
from tests.small_disk import small_disk


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
