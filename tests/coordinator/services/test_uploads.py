"""An upload is bytes, facts, thumbnail and row together, or nothing."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from coordinator import errors
from coordinator.ids import new_id
from coordinator.services import uploads
from coordinator.services.uploads import Desk
from coordinator.store import media, tasks
from coordinator.store.schema import table
from coordinator.store.tables import Users
from coordinator.store.work import Work
from protocol.states import TaskState
from tests import clips
from tests.coordinator.media_home import everything
from tests.coordinator.services.accounts import account

pytestmark = pytest.mark.anyio


async def _chunks(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def _rows(desk: Desk, user: Users) -> list[str]:
    def look(work: Work) -> list[str]:
        both = ("video", "background")
        pages = [media.page(work, user_id=user.id, kind=kind, q="", sort="name", after=None, limit=9) for kind in both]
        return [row.id for page in pages for row in page]

    return await desk.database.read(look)


async def test_a_video_is_stored_with_its_facts_timestamps_and_thumbnail(desk: Desk, user: Users, clip: bytes) -> None:
    row = await uploads.receive(desk, user, "video", "../my clip.mp4", _chunks(clip))
    assert (row.name, row.size, row.content_type) == ("my clip.mp4", len(clip), "video/mp4")
    assert row.sha256 == hashlib.sha256(clip).hexdigest()
    assert (row.width, row.height, row.frames, row.duration, row.fps) == (160, 96, 24, 1.0, 24.0)
    assert len((await desk.files.times_of(row.id)).pts) == 24
    assert everything(desk.files.home) == [
        f"thumbnails/video/{row.id}.jpg",
        f"videos/{row.id}",
        f"videos/{row.id}.pts",
    ]
    assert await asyncio.to_thread(desk.files.media("video", row.id).read_bytes) == clip


async def test_a_background_may_be_a_picture(desk: Desk, user: Users, tmp_path: Path) -> None:
    picture = clips.still(tmp_path / "still.png").read_bytes()
    row = await uploads.receive(desk, user, "background", "still.png", _chunks(picture))
    assert (row.kind, row.content_type, row.frames, row.duration) == ("background", "image/png", 1, 0.0)
    assert everything(desk.files.home) == [f"backgrounds/{row.id}", f"thumbnails/background/{row.id}.jpg"]


async def test_a_video_background_keeps_its_timestamps(desk: Desk, user: Users, clip: bytes) -> None:
    row = await uploads.receive(desk, user, "background", "loop.mp4", _chunks(clip))
    assert len((await desk.files.times_of(row.id, "background")).pts) == 24


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", errors.EmptyFile),
        (b"This is a text.\n" * 100, errors.NotAVideo),
        (b"x" * ((1 << 20) + 1), errors.TooLarge),
    ],
)
async def test_what_is_refused_leaves_nothing_behind(
    desk: Desk, user: Users, content: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await uploads.receive(desk, user, "video", "clip.mp4", _chunks(content, 100_000))
    assert everything(desk.files.home) == []
    assert await _rows(desk, user) == []


async def test_an_upload_that_breaks_off_leaves_nothing_behind(desk: Desk, user: Users, clip: bytes) -> None:
    async def breaks() -> AsyncIterator[bytes]:
        yield clip[:2000]
        raise errors.TruncatedUpload

    with pytest.raises(errors.TruncatedUpload):
        await uploads.receive(desk, user, "video", "clip.mp4", breaks())
    assert everything(desk.files.home) == []


async def test_an_upload_that_is_cancelled_leaves_nothing_behind(desk: Desk, user: Users, clip: bytes) -> None:
    arrived = asyncio.Event()

    async def hangs() -> AsyncIterator[bytes]:
        yield clip[:2000]
        arrived.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(uploads.receive(desk, user, "video", "clip.mp4", hangs()))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert everything(desk.files.home) == []


async def test_a_quota_refuses_what_was_announced_and_what_came(desk: Desk, user: Users, clip: bytes) -> None:
    small = desk._replace(storage_mb=1)
    with pytest.raises(errors.QuotaExceeded):
        await uploads.receive(small, user, "video", "clip.mp4", _chunks(clip), coming=2 << 20)
    await desk.database.write(lambda work: media.add(work, _filler(user, (1 << 20) - 10)))
    with pytest.raises(errors.QuotaExceeded) as refused:
        await uploads.receive(small, user, "video", "clip.mp4", _chunks(clip))
    assert refused.value.params == {"used_bytes": (1 << 20) - 10, "max_bytes": 1 << 20}
    assert everything(desk.files.home) == []
    assert (await uploads.receive(desk, user, "video", "clip.mp4", _chunks(clip))).size == len(clip)


async def test_a_quota_of_ones_own_wins(desk: Desk, clip: bytes) -> None:
    unbounded = await account(desk.database, "unbounded", storage_mb=0)
    bounded = await account(desk.database, "bounded", storage_mb=1)
    await desk.database.write(lambda work: media.add(work, _filler(bounded, 1 << 20)))
    row = await uploads.receive(desk._replace(storage_mb=1), unbounded, "video", "a.mp4", _chunks(clip), 2 << 20)
    assert row.size == len(clip)
    with pytest.raises(errors.QuotaExceeded):
        await uploads.receive(desk, bounded, "video", "a.mp4", _chunks(clip))


def _filler(user: Users, size: int) -> dict[str, object]:
    shape = {"width": 1, "height": 1, "frames": 1, "duration": 1.0, "fps": 1.0}
    words = {"kind": "video", "name": "filler", "sha256": "0" * 64, "content_type": "video/mp4"}
    return {"id": new_id(), "user_id": user.id, "size": size, "facts": {}, **shape, **words, "has_thumbnail": False}


async def test_an_upload_is_removed_with_its_files(desk: Desk, user: Users, clip: bytes) -> None:
    row = await uploads.receive(desk, user, "video", "clip.mp4", _chunks(clip))
    await uploads.remove(desk, user, "video", row.id)
    assert everything(desk.files.home) == []
    assert await _rows(desk, user) == []
    with pytest.raises(errors.NotFound):
        await uploads.remove(desk, user, "video", row.id)


async def test_another_users_upload_does_not_exist(desk: Desk, user: Users, clip: bytes) -> None:
    row = await uploads.receive(desk, user, "video", "clip.mp4", _chunks(clip))
    other = await account(desk.database, "other")
    with pytest.raises(errors.NotFound):
        await uploads.remove(desk, other, "video", row.id)
    with pytest.raises(errors.NotFound):
        await desk.database.read(lambda work: uploads.find(work, other, "video", row.id))
    with pytest.raises(errors.NotFound):
        await desk.database.read(lambda work: uploads.find(work, user, "background", row.id))
    assert await _rows(desk, user) == [row.id]


async def test_an_upload_that_a_live_task_needs_stays(desk: Desk, user: Users, clip: bytes) -> None:
    row = await uploads.receive(desk, user, "video", "clip.mp4", _chunks(clip))
    values: dict[str, Any] = {
        "id": new_id(),
        "user_id": user.id,
        "kind": "video",
        "state": str(TaskState.PAUSED),
        "model": "selfie",
    }
    values |= {"outputs": ["composite"], "options": {}, "created_at": 1.0, "source_id": row.id}
    await desk.database.write(lambda work: tasks.add(work, values))
    with pytest.raises(errors.InUse) as refused:
        await uploads.remove(desk, user, "video", row.id)
    assert refused.value.params == {"task_id": values["id"]}
    assert len(everything(desk.files.home)) == 3


async def test_an_account_that_goes_away_meanwhile_leaves_no_files(desk: Desk, user: Users, clip: bytes) -> None:
    async def outlives_its_account() -> AsyncIterator[bytes]:
        yield clip[:2000]
        await desk.database.write(lambda work: work.execute(delete(table(Users)).where(table(Users).c.id == user.id)))
        yield clip[2000:]

    with pytest.raises(errors.NotFound):
        await uploads.receive(desk, user, "video", "clip.mp4", outlives_its_account())
    assert everything(desk.files.home) == []
