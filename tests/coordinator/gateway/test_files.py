"""Every file has one place, under ids, and is whole or not there."""

import hashlib
import threading
from pathlib import Path

import pytest

from coordinator.domain.timestamps import frame_times
from coordinator.errors import DiskFull, NotFound, TooLarge
from coordinator.gateway import disk
from coordinator.gateway.files import Files

pytestmark = pytest.mark.anyio


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Empty directories."""
    made = Files(tmp_path, tmp_path / "uploads" / "videos", tmp_path / "uploads" / "backgrounds", 0)
    made.prepare()
    return made


def _everything(files: Files) -> list[str]:
    return sorted(str(path.relative_to(files.home)) for path in files.home.rglob("*") if path.is_file())


async def test_an_upload_appears_when_it_is_kept_and_not_before(files: Files) -> None:
    incoming = await files.receive("video", "abc", limit=10)
    await incoming.open()
    await incoming.write(b"01234")
    await incoming.flush()
    assert not files.media("video", "abc").exists()
    assert incoming.path.read_bytes() == b"01234"
    await incoming.write(b"56789")
    await incoming.keep()
    assert _everything(files) == ["uploads/videos/abc"]
    assert incoming.size == 10
    assert incoming.sha256 == hashlib.sha256(b"0123456789").hexdigest()


async def test_more_bytes_than_the_limit_are_refused_while_they_arrive(files: Files) -> None:
    incoming = await files.receive("background", "abc", limit=3 << 20)
    await incoming.open()
    await incoming.write(b"x" * (3 << 20))
    with pytest.raises(TooLarge) as refused:
        await incoming.write(b"x")
    assert refused.value.params == {"limit": 3 << 20}
    await incoming.discard()
    assert _everything(files) == []


async def test_what_was_kept_can_still_be_discarded(files: Files) -> None:
    incoming = await files.receive("video", "abc", limit=10)
    await incoming.open()
    await incoming.keep()
    await incoming.discard()
    assert _everything(files) == []


async def test_too_little_free_disk_refuses_before_anything_is_written(tmp_path: Path) -> None:
    files = Files(tmp_path, tmp_path / "v", tmp_path / "b", disk.free_mb(tmp_path) + 100_000)
    with pytest.raises(DiskFull) as refused:
        await files.receive("video", "abc", limit=10)
    assert refused.value.params["min_mb"] == files.disk_free_min_mb


async def test_an_announced_upload_that_would_fill_the_disk_is_refused(files: Files) -> None:
    with pytest.raises(DiskFull):
        await files.receive("video", "abc", limit=10, coming=(disk.free_mb(files.home) + 100_000) << 20)


def test_a_full_disk_is_an_error_of_ours() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with full.open("wb", buffering=0) as device, pytest.raises(DiskFull):
        disk.write_all(device.fileno(), b"x")


async def test_timestamps_are_read_back(files: Files) -> None:
    times = frame_times([0, 512, 1024], [512])
    await files.store_times("video", "abc", times)
    assert await files.times_of("abc") == times
    with pytest.raises(NotFound):
        await files.times_of("other")


async def test_removing_media_removes_all_that_belongs_to_it(files: Files) -> None:
    for media_id in ("abc", "other"):
        incoming = await files.receive("video", media_id, limit=10)
        await incoming.open()
        await incoming.keep()
        await files.store_times("video", media_id, frame_times([0]))
        await files.store_thumbnail("video", media_id, b"jpeg")
    await files.remove_media("video", "abc")
    await files.remove_media("video", "abc")
    assert _everything(files) == ["thumbnails/video/other.jpg", "uploads/videos/other", "uploads/videos/other.pts"]


async def test_what_a_crash_left_half_written_is_removed_too(files: Files) -> None:
    for path in (files.media("video", "abc"), files.thumbnail("video", "abc")):
        disk.store(path.with_name(f"{path.name}.part"), b"half")
    assert [found.parts for found in files.stored_media("video")] == [("abc",)]
    await files.remove_media("video", "abc")
    assert _everything(files) == []


async def test_removing_a_task_leaves_other_tasks_alone(files: Files) -> None:
    for ids in (("t1", "s1", "a1"), ("t1", "s2", "a2"), ("t2", "s3", "a3")):
        disk.store(files.result(*ids, "composite"), b"x")
    assert {found.parts for found in files.stored_attempts()} == {
        ("t1", "s1", "a1"),
        ("t1", "s2", "a2"),
        ("t2", "s3", "a3"),
    }
    await files.remove_attempt("t1", "s1", "a1")
    assert not files.result("t1", "s1", "a1", "composite").exists()
    await files.remove_task("t1")
    assert _everything(files) == ["results/t2/s3/a3/composite"]


async def test_the_janitor_sees_uploads_also_while_they_arrive(files: Files) -> None:
    incoming = await files.receive("video", "coming", limit=10)
    await incoming.open()
    disk.store(files.media("video", "here"), b"x")
    assert {found.parts for found in files.stored_media("video")} == {("coming",), ("here",)}
    await incoming.discard()


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "a\0", "a.b", "\u00e9", "x" * 65])
def test_what_is_no_id_names_no_file(files: Files, name: str) -> None:
    with pytest.raises(NotFound):
        files.media("video", name)
    with pytest.raises(NotFound):
        files.result(name, "step", "attempt", "composite")
    with pytest.raises(NotFound):
        files.thumbnail("video", name)


async def test_a_small_file_is_never_seen_half_written(files: Files) -> None:
    path, stop, seen = files.thumbnail("video", "abc"), threading.Event(), set()
    disk.store(path, b"a" * 100_000)

    def look() -> None:
        while not stop.is_set():
            content = path.read_bytes()
            seen.add((len(content), len(set(content))))

    reader = threading.Thread(target=look)
    reader.start()
    for letter in (b"b", b"c", b"d") * 10:
        disk.store(path, letter * 100_000)
    stop.set()
    reader.join()
    assert seen == {(100_000, 1)}
