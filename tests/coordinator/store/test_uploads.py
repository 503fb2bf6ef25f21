"""Rows of resumable uploads, on every database."""

from functools import partial
from typing import Any

from coordinator.ids import new_id
from coordinator.store import media, uploads
from coordinator.store.tables import Uploads
from coordinator.store.work import Work
from tests.coordinator.world import World


def _begun(world: World, user_id: str, **values: Any) -> str:
    known = {
        "id": new_id(),
        "user_id": user_id,
        "kind": "video",
        "name": "视频 😀.mp4",
        "size": 2**40,
        "said": "kind dg==",
    }
    row = {**known, "expires_at": 2e10, **values}
    world.run(lambda work: uploads.add(work, row))
    return str(row["id"])


def _get(world: World, upload_id: str) -> Uploads | None:
    return world.database.look(lambda work: uploads.get(work, upload_id))


def test_an_upload_is_read_as_it_was_announced_and_kept_longer(world: World) -> None:
    upload_id = _begun(world, world.user())
    world.run(lambda work: uploads.extend(work, upload_id, 3e10))
    row = _get(world, upload_id)
    assert row is not None
    assert (row.name, row.size, row.said, row.expires_at) == ("视频 😀.mp4", 2**40, "kind dg==", 3e10)
    assert (row.created_at > 0, row.finished_at) == (True, None)


def test_it_is_finished_once_and_then_no_longer_announced(world: World) -> None:
    user, other = world.user(), world.user()
    first, second = _begun(world, user, size=100), _begun(world, user, size=20)
    _begun(world, other, size=3)

    def seen() -> tuple[int, int, list[str]]:
        def look(work: Work) -> tuple[int, int, list[str]]:
            begun = [row.id for row in uploads.unfinished(work, user, 9)]
            return uploads.count_unfinished(work, user), media.used_bytes(work, user), begun

        return world.database.look(look)

    assert seen() == (2, 120, [second, first])
    assert [world.run(partial(uploads.finish, upload_id=first)) for _ in range(2)] == [True, False]
    assert seen() == (1, 20, [second])


def test_bytes_are_nobodys_only_when_it_was_not_finished(world: World) -> None:
    user = world.user()
    finished, begun = _begun(world, user), _begun(world, user)
    world.run(lambda work: uploads.finish(work, finished))
    assert not world.run(lambda work: uploads.remove_unfinished(work, finished))
    assert world.run(lambda work: uploads.remove_unfinished(work, begun))
    assert (_get(world, begun), world.run(lambda work: uploads.finish(work, begun))) == (None, False)
    assert [world.run(lambda work: uploads.remove(work, finished)) for _ in range(2)] == [True, False]


def test_only_what_nobody_went_on_with_expires(world: World) -> None:
    user = world.user()
    old, older, young = (_begun(world, user, expires_at=at) for at in (20.0, 10.0, 2e10))
    finished, asked_for = _begun(world, user, expires_at=5.0), _begun(world, user)
    for upload_id in (finished, asked_for):
        world.run(partial(uploads.finish, upload_id=upload_id))
    assert [row.id for row in world.database.look(lambda work: uploads.expired(work, 9))] == [older, old]
    world.run(lambda work: uploads.extend(work, older, 2e10))
    went = [world.run(partial(uploads.expire, upload_id=one)) for one in (old, older, finished)]
    assert went == [True, False, False]
    assert world.run(uploads.forget_finished) == 1
    there = [_get(world, one) is not None for one in (old, older, young, finished, asked_for)]
    assert there == [False, True, True, False, True]
