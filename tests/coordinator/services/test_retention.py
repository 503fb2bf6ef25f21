"""How long things are kept, on SQLite, PostgreSQL and MariaDB."""

from functools import partial
from typing import Any

from sqlalchemy import insert, update

from coordinator.domain.news import FilesUnwanted, MediaUnwanted
from coordinator.services import controls, retention
from coordinator.services.retention import Part
from coordinator.services.submissions import Key
from coordinator.store import artifacts, audit, batches, events, idempotency, media, tasks
from coordinator.store.schema import table
from coordinator.store.tables import Audit, Batches, Events, Media, Tasks
from protocol.base import TaskId
from protocol.states import AttemptState as A
from protocol.states import TaskState as T
from tests.coordinator.world import RULES, World

PAST = 1.0


def expire(world: World) -> list[object]:
    """Retire what is due; the news of it."""
    world.news()
    world.run(lambda work: retention.expire(work, RULES))
    return list(world.news())


def test_an_ended_task_goes_with_its_rows_and_files_when_its_time_is_over(world: World) -> None:
    task_id = world.task()
    world.node()
    attempt_id = world.done()
    assert FilesUnwanted(TaskId(task_id)) not in expire(world)
    world.set(Tasks, task_id, expires_at=PAST)
    assert FilesUnwanted(TaskId(task_id)) in expire(world)
    assert world.database.look(lambda work: tasks.get(work, task_id)) is None
    assert (world.steps(task_id), world.attempts(task_id)) == ([], [])
    assert world.database.look(lambda work: artifacts.of_attempt(work, attempt_id)) == []
    assert world.database.look(lambda work: artifacts.results(work, [task_id])) == []


def test_a_live_task_never_expires(world: World) -> None:
    task_id = world.task()
    world.set(Tasks, task_id, expires_at=PAST)
    assert expire(world) == []
    assert world.state(task_id) == T.WAITING


def test_a_retry_takes_the_date_back(world: World) -> None:
    user = world.user()
    task_id = world.task(user)
    world.run(lambda work: controls.cancel(work, RULES, user, task_id))
    row = world.get(task_id)
    assert row.expires_at is not None
    assert row.parts_expire_at is not None
    assert row.finished_at is not None
    assert round(row.expires_at - row.finished_at) == 30 * 86_400
    assert round(row.parts_expire_at - row.finished_at) == 72 * 3600
    world.run(lambda work: controls.retry(work, RULES, user, task_id))
    assert world.get(task_id).expires_at is None


def test_an_attempt_that_still_holds_a_slot_outlives_its_task(world: World) -> None:
    user = world.user()
    task_id = world.task(user)
    world.node()
    attempt_id = world.running()
    world.run(lambda work: controls.cancel(work, RULES, user, task_id))
    world.set(Tasks, task_id, expires_at=PAST)
    expire(world)
    assert world.attempt(attempt_id).state == A.STOPPING


def test_uploads_that_nobody_used_go_and_those_of_live_tasks_stay(world: World) -> None:
    user = world.user()
    idle, recent = world.video(user), world.video(user)
    needed = world.get(world.task(user)).source_id or ""
    for key in (idle, needed):
        world.set(Media, key, last_used_at=PAST)
    assert expire(world) == [MediaUnwanted(idle, "video")]
    left = world.database.look(lambda work: media.known(work, [idle, recent, needed]))
    assert left == {recent, needed}


def test_parts_of_an_ended_task_go_before_its_results(world: World) -> None:
    task_id = world.segments(2)
    world.node()
    winners = [world.done() for _ in range(3)]
    assert world.state(task_id) == T.COMPLETED
    assert world.run(retention.forget_parts) == []
    world.set(Tasks, task_id, parts_expire_at=PAST)
    first, second, _ = world.steps(task_id)
    parts = {Part(task_id, row.id, row.winner or "") for row in (first, second)}
    assert set(world.run(retention.forget_parts)) == parts
    assert world.run(retention.forget_parts) == []
    named = [world.database.look(partial(retention.attempt_named, attempt_id=key)) for key in winners]
    assert named == [False, False, True]


def test_parts_of_a_live_task_stay(world: World) -> None:
    task_id = world.task()
    world.add_step(task_id)
    world.node()
    winner = world.done()
    world.set(Tasks, task_id, parts_expire_at=PAST)
    assert world.run(retention.forget_parts) == []
    assert world.database.look(lambda work: retention.attempt_named(work, winner))


def test_an_old_key_is_forgotten(world: World) -> None:
    user, key = world.user(), Key("tasks", "k", "a" * 64)
    world.run(lambda work: idempotency.remember(work, user, key.route, key.key, key.body_sha256, "object"))
    expire(world)
    assert world.database.look(lambda work: idempotency.find(work, user, "tasks", "k")) is not None
    assert world.run(lambda work: idempotency.forget_before(work, work.now + 1)) == 1
    assert world.database.look(lambda work: idempotency.find(work, user, "tasks", "k")) is None


def test_what_was_told_of_tasks_that_are_gone_is_forgotten_and_no_number_is_given_twice(world: World) -> None:
    user = world.user()
    kept, gone = world.task(user), world.task(user)
    world.run(lambda work: controls.cancel(work, RULES, user, gone))
    world.set(Tasks, gone, expires_at=PAST)
    expire(world)
    forget_past(world)
    last = told(world, gone)[-1]
    assert len(told(world, gone)) > 1  # it went a moment ago
    age(world, Events)
    forget_past(world)
    assert told(world, gone) == [last]  # the newest of all
    world.run(lambda work: events.record(work, "moved", kept, user))
    forget_past(world)
    assert told(world, gone) == []
    assert len(told(world, kept)) > 1
    assert told(world, kept)[-1] > last
    assert world.database.look(events.forgotten) == last


def told(world: World, task_id: str) -> list[int]:
    return [row.seq or 0 for row in world.database.look(lambda work: events.of_task(work, task_id, 0, 100))]


def age(world: World, kind: type[Any]) -> None:
    column = "at" if kind is Events else "created_at"
    world.run(lambda work: work.execute(update(table(kind)).values({column: PAST})).close())


def forget_past(world: World) -> None:
    assert not world.run(lambda work: retention.forget_past(work, RULES))


def test_failed_logins_are_forgotten_and_the_rest_of_the_audit_is_not(world: World) -> None:
    world.run(lambda work: audit.record(work, "login.failed", actor="recent"))
    old: dict[str, Any] = {"at": PAST, "actor_id": None, "actor": "old", "target": "", "address": "", "data": {}}
    actions = ["login.ok", *["login.failed"] * retention.PAST]
    world.run(lambda work: work.execute(insert(table(Audit)), [{**old, "action": name} for name in actions]).close())
    assert world.run(lambda work: retention.forget_past(work, RULES))  # there may be more
    forget_past(world)
    left = world.database.look(lambda work: audit.page(work, before=None, limit=10))
    assert sorted((row.action, row.actor) for row in left) == [("login.failed", "recent"), ("login.ok", "old")]


def test_an_old_batch_of_which_nothing_is_left_is_forgotten(world: World) -> None:
    user = world.user()
    task_id = world.task(user)
    for key in ("empty", "full"):
        world.run(partial(batches.add, batch_id=key, user_id=user))
    world.set(Tasks, task_id, batch_id="full")
    age(world, Batches)
    world.run(lambda work: batches.add(work, "new", user))
    forget_past(world)
    left = world.database.look(lambda work: [batches.get(work, key) is not None for key in ("empty", "full", "new")])
    assert left == [False, True, True]
