"""Resumable uploads where one side dies: nothing is lost, nothing is made twice, nothing is left behind."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from coordinator import errors
from coordinator.gateway import disk
from coordinator.gateway.files import Files
from coordinator.gateway.probe.pool import ProbePool
from coordinator.ids import new_id
from coordinator.services import resuming, uploads
from coordinator.services.resuming import AGAIN_S, EXTEND_S, KEEP_S, MOST, Piece, Progress, Wish
from coordinator.services.uploads import Desk
from coordinator.store import media
from coordinator.store import uploads as rows
from coordinator.store.tables import Users
from coordinator.store.work import Work
from tests.coordinator.media_home import everything

pytestmark = pytest.mark.anyio


async def _stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def _piece(offset: int, content: bytes) -> Piece:
    return Piece(offset, len(content), None, _stream(content))


def _wish(size: int) -> Wish:
    return Wish("video", "clip.mp4", size, "")


async def _whole(desk: Desk, user: Users, clip: bytes) -> str:
    """An upload that lost its coordinator after the last byte: its id."""
    row = await resuming.begin(desk, user, _wish(len(clip)))
    file = desk.files.growing("video", row.id, len(clip))
    await file.open()
    await file.append(_stream(clip))
    await file.close()
    return row.id


async def _media(desk: Desk, upload_id: str) -> str | None:
    row = await desk.database.read(lambda work: media.get(work, upload_id))
    return row.sha256 if row is not None else None


@pytest.mark.parametrize("how", ["look", "an empty piece"])
@pytest.mark.parametrize("died", ["after the last byte", "after the name was given"])
async def test_an_upload_that_is_whole_and_not_registered_is_registered_by_who_meets_it(
    desk: Desk, user: Users, clip: bytes, died: str, how: str
) -> None:
    upload_id = await _whole(desk, user, clip)
    if died == "after the name was given":
        file = desk.files.growing("video", upload_id, len(clip))
        await file.open()
        await file.keep()
        await file.close()
    restarted = desk._replace(files=_without_memory(desk.files))
    found = await _asked(restarted, user, upload_id, len(clip), how)
    assert (found.offset, found.done) == (len(clip), True)
    assert await _media(desk, upload_id) is not None
    expected = [f"thumbnails/video/{upload_id}.jpg", f"videos/{upload_id}", f"videos/{upload_id}.pts"]
    assert everything(desk.files.home) == expected
    assert (await resuming.look(desk, user, upload_id)).done


def _without_memory(files: Files) -> Files:
    return Files(files.home, files.videos, files.backgrounds, files.disk_free_min_mb)


async def test_many_who_meet_a_whole_upload_at_once_make_one_video(desk: Desk, user: Users, clip: bytes) -> None:
    upload_id = await _whole(desk, user, clip)
    found = await asyncio.gather(*[resuming.look(desk, user, upload_id) for _ in range(4)])
    assert {one.offset for one in found} == {len(clip)}
    assert any(one.done for one in found)
    assert (await resuming.look(desk, user, upload_id)).done
    assert len(everything(desk.files.home)) == 3


async def test_a_refused_file_that_lost_its_coordinator_leaves_nothing(desk: Desk, user: Users) -> None:
    upload_id = await _whole(desk, user, b"This is no video.\n" * 100)
    with pytest.raises(errors.NotAVideo):
        await resuming.look(desk, user, upload_id)
    with pytest.raises(errors.NotFound):
        await resuming.look(desk, user, upload_id)
    assert everything(desk.files.home) == []


async def test_a_service_that_stops_while_it_examines_keeps_the_upload(desk: Desk, user: Users, clip: bytes) -> None:
    upload_id = await _whole(desk, user, clip)
    stopped = ProbePool(1)
    await stopped.stop()
    with pytest.raises(errors.Overloaded):
        await resuming.look(desk._replace(probes=stopped), user, upload_id)
    assert everything(desk.files.home) == [f"videos/{upload_id}.part"]
    assert (await resuming.look(desk, user, upload_id)).done


async def test_a_service_that_stops_in_the_middle_of_an_examination_keeps_the_upload(
    desk: Desk, user: Users, clip: bytes
) -> None:
    upload_id = await _whole(desk, user, clip)
    pool = await _halted(desk, upload_id)
    looking = asyncio.create_task(resuming.look(desk._replace(probes=pool), user, upload_id))
    await _until_examined(pool)
    await pool.stop()
    with pytest.raises(errors.Overloaded):
        await looking
    assert everything(desk.files.home) == [f"videos/{upload_id}.part"]
    assert (await resuming.look(desk, user, upload_id)).done


@pytest.mark.parametrize("how", ["look", "an empty piece"])
async def test_an_examination_whose_asker_went_away_keeps_other_replicas_out_until_it_ends(
    desk: Desk, user: Users, clip: bytes, how: str
) -> None:
    upload_id = await _whole(desk, user, clip)
    pool = await _halted(desk, upload_id)
    here, elsewhere = desk._replace(probes=pool), desk._replace(files=_without_memory(desk.files))
    asking = asyncio.create_task(_asked(here, user, upload_id, len(clip), how))
    await _until_examined(pool)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not (await resuming.look(elsewhere, user, upload_id)).done
    os.kill(pool.pids()[0], signal.SIGCONT)
    while not (await resuming.look(elsewhere, user, upload_id)).done:
        await asyncio.to_thread(os.sched_yield)
    assert len(everything(desk.files.home)) == 3
    await pool.stop()


async def _asked(desk: Desk, user: Users, upload_id: str, size: int, how: str) -> Progress:
    if how == "look":
        return await resuming.look(desk, user, upload_id)
    return await resuming.go_on(desk, user, upload_id, _piece(size, b""))


async def _halted(desk: Desk, upload_id: str, timeout_s: float = 30.0) -> ProbePool:
    """A pool whose one reader stands still from the next file on."""
    pool = ProbePool(1, timeout_s=timeout_s)
    await pool.start()
    await pool.video(disk.part_of(desk.files.media("video", upload_id)))
    os.kill(pool.pids()[0], signal.SIGSTOP)
    return pool


async def _until_examined(pool: ProbePool) -> None:
    while not pool.busy:
        await asyncio.to_thread(os.sched_yield)


async def test_an_upload_that_is_given_up_while_it_arrives_leaves_nothing(desk: Desk, user: Users, clip: bytes) -> None:
    row = await resuming.begin(desk, user, _wish(len(clip)))

    async def gives_up() -> AsyncIterator[bytes]:
        yield clip[:100]
        await resuming.remove(desk, user, row.id)
        yield clip[100:]

    with pytest.raises(errors.UploadGone):
        await resuming.go_on(desk, user, row.id, Piece(0, len(clip), None, gives_up()))
    assert (everything(desk.files.home), await _media(desk, row.id)) == ([], None)


async def test_too_little_disk_refuses_the_announcement_and_every_piece(desk: Desk, user: Users, clip: bytes) -> None:
    full = desk._replace(files=Files(desk.files.home, desk.files.videos, desk.files.backgrounds, 2**40))
    with pytest.raises(errors.DiskFull):
        await resuming.begin(full, user, _wish(len(clip)))
    assert await resuming.unfinished(desk, user) == []
    row = await resuming.begin(desk, user, _wish(len(clip)))
    with pytest.raises(errors.DiskFull):
        await resuming.go_on(full, user, row.id, _piece(0, clip))
    assert (await resuming.look(desk, user, row.id)).offset == 0


async def test_a_piece_of_unknown_size_needs_room_for_all_that_is_left(desk: Desk, user: Users) -> None:
    free_mb = disk.free_mb(desk.files.home)
    large = desk._replace(limit=free_mb << 20)
    row = await resuming.begin(large, user, _wish((free_mb // 2) << 20))
    three_quarters = Files(desk.files.home, desk.files.videos, desk.files.backgrounds, 3 * free_mb // 4)
    reserved = desk._replace(files=three_quarters)
    with pytest.raises(errors.DiskFull):
        await resuming.go_on(reserved, user, row.id, Piece(0, None, None, _stream(b"x")))
    assert (await resuming.look(desk, user, row.id)).offset == 0
    assert (await resuming.go_on(reserved, user, row.id, _piece(0, b"x"))).offset == 1


async def test_a_file_that_takes_too_long_may_be_examined_again_for_an_hour_and_no_longer(
    desk: Desk, user: Users, clip: bytes
) -> None:
    upload_id = await _whole(desk, user, clip)
    ends = set()
    for how in ("look", "an empty piece"):
        pool = await _halted(desk, upload_id, timeout_s=1.0)
        with pytest.raises(errors.ProbeTimeout):
            await _asked(desk._replace(probes=pool), user, upload_id, len(clip), how)
        await pool.stop()
        row, now = await desk.database.read(lambda work: resuming.find(work, user.id, upload_id))
        assert row.expires_at <= now + AGAIN_S
        ends.add(row.expires_at)
    assert len(ends) == 1
    assert (await resuming.look(desk, user, upload_id)).done


async def test_an_upload_that_lost_its_file_holds_nothing_of_the_quota(desk: Desk, user: Users, clip: bytes) -> None:
    def lose(work: Work) -> None:
        for created_at in (work.now - 61, work.now - 61, work.now):
            rows.add(work, {**_announced(user, 1 << 20), "created_at": created_at})

    await desk.database.write(lose)
    begun = await desk.database.read(lambda work: rows.unfinished(work, user.id, 10))
    *lost, fresh = sorted(begun, key=lambda row: row.created_at)
    with pytest.raises(errors.UploadGone):
        await resuming.look(desk, user, lost[0].id)
    assert await resuming.unfinished(desk, user) == []
    left = await desk.database.read(lambda work: rows.unfinished(work, user.id, 10))
    assert [row.id for row in left] == [fresh.id]


async def test_a_quota_that_became_smaller_meanwhile_refuses_the_whole_file(
    desk: Desk, user: Users, clip: bytes
) -> None:
    upload_id = await _whole(desk, user, clip)
    small = desk._replace(storage_mb=1)
    await desk.database.write(lambda work: rows.add(work, _announced(user, 1 << 20)))
    with pytest.raises(errors.QuotaExceeded):
        await resuming.look(small, user, upload_id)
    assert everything(desk.files.home) == []
    with pytest.raises(errors.QuotaExceeded):
        await uploads.receive(small, user, "video", "clip.mp4", _stream(clip))


def _announced(user: Users, size: int) -> dict[str, object]:
    known = {"id": new_id(), "user_id": user.id, "kind": "video", "name": "clip.mp4", "said": ""}
    return {**known, "size": size, "expires_at": 2e10}


async def test_an_account_has_so_many_unfinished_uploads_and_no_more(desk: Desk, user: Users) -> None:
    def fill(work: Work) -> None:
        for _ in range(MOST):
            rows.add(work, _announced(user, 1))

    await desk.database.write(fill)
    with pytest.raises(errors.TooManyUploads):
        await resuming.begin(desk, user, _wish(10))
    assert await resuming.unfinished(desk, user) == []


async def test_whoever_goes_on_keeps_it_longer_and_whoever_comes_too_late_finds_nothing(
    desk: Desk, user: Users, clip: bytes
) -> None:
    row = await resuming.begin(desk, user, _wish(len(clip)))
    almost = row.expires_at - KEEP_S + 60
    await desk.database.write(lambda work: rows.extend(work, row.id, almost))
    moved = await resuming.go_on(desk, user, row.id, _piece(0, clip[:10]))
    assert moved.upload.expires_at > almost + KEEP_S - EXTEND_S
    await desk.database.write(lambda work: rows.extend(work, row.id, 1.0))
    for call in (resuming.look(desk, user, row.id), resuming.go_on(desk, user, row.id, _piece(10, clip[10:]))):
        with pytest.raises(errors.UploadGone):
            await call
