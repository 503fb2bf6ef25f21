"""How long things are kept, on SQLite, PostgreSQL and MariaDB."""

from functools import partial

from coordinator.domain.news import FilesUnwanted, MediaUnwanted
from coordinator.services import controls, retention
from coordinator.services.retention import Part
from coordinator.services.submissions import Key
from coordinator.store import artifacts, idempotency, media, tasks
from coordinator.store.tables import Media, Tasks
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
