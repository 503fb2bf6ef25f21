"""Rows of uploads, on every database."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from coordinator.ids import new_id
from coordinator.store import artifacts, media, tasks, users
from coordinator.store.database import Database
from coordinator.store.tables import Media
from coordinator.store.work import Work
from protocol.states import TaskState

pytestmark = pytest.mark.anyio


def _owner(work: Work, name: str = "somebody") -> str:
    user_id = new_id()
    users.add(work, id=user_id, username=name, password_hash="", role="user", created_at=work.now)
    return user_id


def _upload(work: Work, user_id: str, **values: Any) -> str:
    known = {
        "id": new_id(),
        "user_id": user_id,
        "kind": "video",
        "name": "clip.mp4",
        "size": 1000,
        "sha256": "0" * 64,
        "content_type": "video/mp4",
        "width": 160,
        "height": 96,
        "frames": 24,
        "duration": 1.0,
        "fps": 24.0,
        "facts": {"rotation": 0},
        "has_thumbnail": True,
    }
    media.add(work, known | values)
    return str(values.get("id", known["id"]))


def _task(work: Work, user_id: str, state: TaskState, **values: Any) -> str:
    task_id = new_id()
    known = {"id": task_id, "user_id": user_id, "kind": "video", "state": str(state), "model": "selfie"}
    tasks.add(work, {**known, "outputs": ["composite"], "options": {}, "created_at": work.now, **values})
    return task_id


async def test_an_upload_is_read_as_it_was_written(database: Database) -> None:
    def unit(work: Work) -> Media | None:
        return media.get(work, _upload(work, _owner(work), name="视频 😀.mp4", size=2**40, facts={"a": [1, None]}))

    row = await database.write(unit)
    assert row is not None
    assert (row.name, row.size, row.facts) == ("视频 😀.mp4", 2**40, {"a": [1, None]})
    assert row.created_at == row.last_used_at > 0
    assert await database.read(lambda work: media.get(work, "nobody")) is None


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "name", "-name", "size", "-size", "-duration"])
async def test_pages_give_every_row_once_in_order(database: Database, sort: str) -> None:
    def unit(work: Work) -> str:
        owner = _owner(work)
        for number in range(7):
            _upload(work, owner, name=f"{'abc'[number % 3]}.mp4", size=number % 2, duration=number / 3)
        _upload(work, owner, kind="background")
        _upload(work, _owner(work, "another"))
        return owner

    owner = await database.write(unit)
    column = sort.removeprefix("-")

    async def page(last: Media | None) -> Sequence[Media]:
        after = (getattr(last, column), last.id) if last is not None else None
        return await database.read(
            lambda work: media.page(work, user_id=owner, kind="video", q="", sort=sort, after=after, limit=2)
        )

    seen: list[Media] = []
    while found := await page(seen[-1] if seen else None):
        seen += found
    assert len({row.id for row in seen}) == len(seen) == 7
    keys = [(getattr(row, column), row.id) for row in seen]
    assert keys == sorted(keys, reverse=sort.startswith("-"))


async def test_names_are_searched_without_regard_to_case_or_wildcards(database: Database) -> None:
    def unit(work: Work) -> str:
        owner = _owner(work)
        for name in ("Juggle.mp4", "100%.mp4", "a_b.mp4", "axb.mp4"):
            _upload(work, owner, name=name)
        return owner

    owner = await database.write(unit)

    async def names(q: str) -> list[str]:
        rows = await database.read(
            lambda work: media.page(work, user_id=owner, kind="video", q=q, sort="name", after=None, limit=9)
        )
        return [row.name for row in rows]

    assert await names("jUGG") == ["Juggle.mp4"]
    assert await names("0%") == ["100%.mp4"]
    assert await names("a_b") == ["a_b.mp4"]
    assert await names("%") == ["100%.mp4"]


async def test_what_a_user_takes_is_uploads_and_results(database: Database) -> None:
    def unit(work: Work) -> tuple[int, int, int]:
        owner, other = _owner(work), _owner(work, "another")
        nothing = media.used_bytes(work, owner)
        _upload(work, owner, size=2**40)
        _upload(work, owner, size=5, kind="background")
        _upload(work, other, size=7)
        task_id = _task(work, owner, TaskState.COMPLETED)
        made = {"task_id": task_id, "output": "composite", "step_id": "s", "attempt_id": "a", "size": 11}
        artifacts.add_result(work, {**made, "sha256": "0" * 64, "content_type": "video/mp4", "created_at": work.now})
        return nothing, media.used_bytes(work, owner), media.used_bytes(work, other)

    assert await database.write(unit) == (0, 2**40 + 5 + 11, 7)


@pytest.mark.parametrize("column", ["source_id", "background_id"])
async def test_only_live_tasks_hold_an_upload(database: Database, column: str) -> None:
    def unit(work: Work) -> dict[TaskState, bool]:
        owner, found = _owner(work), {}
        for state in TaskState:
            media_id = _upload(work, owner)
            task_id = _task(work, owner, state, **{column: media_id})
            holder = media.live_task(work, media_id)
            assert holder in {None, task_id}
            found[state] = holder is not None
        return found

    held = await database.write(unit)
    assert {state for state, is_held in held.items() if is_held} == {
        TaskState.WAITING,
        TaskState.PROCESSING,
        TaskState.PAUSED,
    }


async def test_what_is_long_unused_and_not_needed_is_found_longest_first(database: Database) -> None:
    def unit(work: Work) -> tuple[list[str], list[str]]:
        owner = _owner(work)
        old = [_upload(work, owner, name=f"{n}.mp4") for n in range(3)]
        held = _upload(work, owner)
        _task(work, owner, TaskState.PAUSED, background_id=held)
        return old, [row.id for row in media.unused(work, work.now + 1, 10)]

    old, found = await database.write(unit)
    assert sorted(found) == sorted(old)
    assert await database.read(lambda work: media.unused(work, work.now - 60, 10)) == []
    assert len(await database.read(lambda work: media.unused(work, work.now + 60, 2))) == 2


async def test_use_moves_the_end_of_an_upload(database: Database) -> None:
    media_id = await database.write(lambda work: _upload(work, _owner(work)))
    before = await database.read(lambda work: media.get(work, media_id))
    await database.write(lambda work: media.touch(work, media_id))
    after = await database.read(lambda work: media.get(work, media_id))
    assert before is not None
    assert after is not None
    assert after.last_used_at > before.last_used_at
    assert after.created_at == before.created_at


async def test_a_row_is_removed_once(database: Database) -> None:
    media_id = await database.write(lambda work: _upload(work, _owner(work)))
    assert await database.write(lambda work: media.remove(work, media_id))
    assert not await database.write(lambda work: media.remove(work, media_id))


async def test_known_and_totals_count_rows(database: Database) -> None:
    def unit(work: Work) -> list[str]:
        owner = _owner(work)
        return [_upload(work, owner, size=3), _upload(work, owner, size=4), _upload(work, owner, kind="background")]

    ids = await database.write(unit)
    assert await database.read(lambda work: media.known(work, [*ids, "nobody"])) == set(ids)
    assert await database.read(media.totals) == {"video": (2, 7), "background": (1, 1000)}


async def test_an_owner_is_locked_by_one_at_a_time(database: Database) -> None:
    """Two units that look at the quota of one user and then add cannot both see the other's absence."""
    owner = await database.write(_owner)

    def unit(work: Work) -> bool:
        media.lock_owner(work, owner)
        if media.used_bytes(work, owner):
            return False
        _upload(work, owner)
        return True

    outcomes = await asyncio.gather(*(database.write(unit) for _ in range(6)))
    assert sorted(outcomes) == [False] * 5 + [True]
