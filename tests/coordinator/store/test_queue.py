"""The order of the queue, on SQLite, PostgreSQL and MariaDB."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import delete

from coordinator.services import controls
from coordinator.store import steps, tasks, waits
from coordinator.store.schema import table
from coordinator.store.tables import Steps, Tasks, Waits
from coordinator.store.waits import Waiting
from coordinator.store.work import Work
from tests.coordinator.world import World


def heads_of(world: World, after: Waits | None = None, limit: int = 9) -> Sequence[Waits]:
    """Who waits for the model of these tests."""
    return world.database.look(lambda work: waits.heads(work, "selfie", after, limit))


def waiting(world: World, models: tuple[str, ...] = ("", "selfie")) -> list[str]:
    """The ids of tasks in the order in which their steps would be given out."""
    return [step.task_id for step in world.database.look(lambda work: _queued(work, models))]


def _queued(work: Work, models: tuple[str, ...]) -> list[Waiting]:
    heads = sorted(
        (head for model in models for head in waits.heads(work, model, None, 99)),
        key=lambda head: (head.rank, head.score),
    )
    return [step for head in heads for step in waits.steps_of(work, head, 99, "", 0, 99)]


def test_older_goes_first_then_priority_then_use_then_class_then_assemble(world: World) -> None:
    often, seldom = world.user(use_score=5.0), world.user(use_score=1.0)
    old, young = world.task(often), world.task(often)
    assert waiting(world) == [old, young]
    urgent = world.task(often, priority=3)
    assert waiting(world) == [urgent, old, young]
    fair = world.task(seldom, priority=-5)
    assert waiting(world) == [fair, urgent, old, young]
    world.run(lambda work: steps.rank(work, young, klass=1))
    assert waiting(world) == [young, fair, urgent, old]
    world.set(Steps, world.step(old).id, queue_rank=0)
    world.run(lambda work: steps.release(work, old))
    assert waiting(world) == [old, young, fair, urgent]


def test_only_steps_that_could_run_now_wait(world: World) -> None:
    user = world.user()
    ready, later, paused, other, running = (world.task(user) for _ in range(5))
    world.set(Steps, world.step(later).id, not_before=2.0**33)
    world.run(lambda work: controls.pause(work, user, paused))
    world.set(Steps, world.step(other).id, model="birefnet")
    world.run(lambda work: steps.release(work, other))
    world.set(Steps, world.step(running).id, state="running")
    assert waiting(world) == [ready]
    assert sorted(waiting(world, ("selfie", "birefnet"))) == sorted([ready, other])
    assert waiting(world, ()) == []
    assert world.database.look(steps.waiting_count) == 3


def test_pages_of_a_users_steps_and_of_users_follow_each_other(world: World) -> None:
    made = {world.task(world.user(use_score=float(place // 2))) for place in range(6)}
    seen: list[str] = []
    last: Waits | None = None
    while page := heads_of(world, last, 2):
        seen += [head.user_id for head in page]
        last = page[-1]
    assert {world.get(task_id).user_id for task_id in made} == set(seen)
    assert len(seen) == 6
    user = world.user()
    mine = [world.task(user) for _ in range(3)]
    head = next(row for row in heads_of(world) if row.user_id == user)
    first, rest = (
        world.database.look(partial(waits.steps_of, head=head, losses_below=9, but="", skip=skip, limit=2))
        for skip in (0, 2)
    )
    assert [step.task_id for step in (*first, *rest)] == mine


def test_an_empty_head_goes_unless_somebody_has_added_to_it(world: World) -> None:
    task_id = world.task()
    [before] = heads_of(world)
    world.run(lambda work: steps.take(work, world.step(task_id).id))
    world.run(lambda work: steps.put_back(work, world.step(task_id).id, 0.0))
    world.run(lambda work: steps.take(work, world.step(task_id).id))
    world.run(lambda work: waits.look_again(work, before))
    [after] = heads_of(world)
    world.run(lambda work: waits.look_again(work, after))
    assert heads_of(world) == []


def test_a_head_that_only_waits_for_a_time_sleeps_until_then(world: World) -> None:
    task_id = world.task()
    world.set(Steps, world.step(task_id).id, not_before=2.0**33)
    [head] = heads_of(world)
    world.run(lambda work: waits.look_again(work, head))
    assert heads_of(world) == []
    world.task(head.user_id)
    assert len(heads_of(world)) == 1


def test_a_lost_head_is_found(world: World) -> None:
    user = world.user()
    world.task(user)
    assert world.database.look(waits.without_row) == []
    world.run(lambda work: work.execute(delete(table(Waits))))
    assert world.database.look(waits.without_row) == [(user, "selfie", 1, 0)]


def test_segments_of_one_video_go_in_its_order(world: World) -> None:
    task_id = world.task()
    world.add_step(task_id)
    world.add_step(task_id)
    found = world.database.look(lambda work: _queued(work, ("selfie",)))
    assert [step.id for step in found] == [step.id for step in world.steps(task_id)]


def test_the_place_in_the_queue_counts_what_goes_before(world: World) -> None:
    user = world.user()
    first, second, urgent = world.task(user), world.task(user), world.task(user, priority=1)
    rows = [world.get(key) for key in (urgent, first, second)]
    assert world.database.look(lambda work: [tasks.waiting_before(work, row) for row in rows]) == [0, 1, 2]


def page(
    world: World, user: str, query: str, before: tuple[float, str] | None = None, limit: int = 9
) -> Sequence[Tasks]:
    """A page of a user's tasks, newest first."""
    asked: dict[str, Any] = {"user_id": user, "states": ["waiting"], "query": query, "before": before, "limit": limit}
    return world.database.look(lambda work: tasks.page(work, oldest_first=False, **asked))


def test_pages_of_tasks_follow_each_other_without_gap_or_repeat(world: World) -> None:
    user = world.user()
    made = {world.task(user) for _ in range(5)}
    seen: list[str] = []
    found = page(world, user, "video", limit=2)
    while found:
        seen += [task.id for task in found]
        found = page(world, user, "video", (found[-1].created_at, found[-1].id), limit=2)
    assert len(seen) == 5
    assert set(seen) == made
    assert world.database.look(tasks.counts) == {"waiting": 5}


def test_a_sign_in_a_search_is_a_sign(world: World) -> None:
    user = world.user()
    world.set(Tasks, world.task(user), source_name="100%_done.mp4")
    assert [len(page(world, user, query)) for query in ("100%", "%_", "1_0")] == [1, 1, 0]
