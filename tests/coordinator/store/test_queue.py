"""The order of the queue, on SQLite, PostgreSQL and MariaDB."""

from collections.abc import Sequence
from typing import Any

from coordinator.store import steps, tasks
from coordinator.store.tables import Steps, Tasks
from tests.coordinator.world import World


def waiting(world: World, models: tuple[str, ...] = ("selfie",), limit: int = 20) -> list[str]:
    """The ids of tasks in the order in which their steps would be given out."""
    return [step.task_id for step in world.database.look(lambda work: steps.next_waiting(work, models, limit))]


def test_older_goes_first_then_priority_then_use_then_class_then_assemble(world: World) -> None:
    often, seldom = world.user(use_score=5.0), world.user(use_score=1.0)
    old, young = world.task(often), world.task(often)
    assert waiting(world) == [old, young]
    urgent = world.task(often, priority=3)
    assert waiting(world) == [urgent, old, young]
    fair = world.task(seldom, priority=-5)
    assert waiting(world) == [fair, urgent, old, young]
    world.set(Steps, world.step(young).id, klass=1)
    assert waiting(world) == [young, fair, urgent, old]
    world.set(Steps, world.step(old).id, queue_rank=0)
    assert waiting(world) == [old, young, fair, urgent]


def test_only_steps_that_could_run_now_wait(world: World) -> None:
    user = world.user()
    ready, later, paused, other, running = (world.task(user) for _ in range(5))
    world.set(Steps, world.step(later).id, not_before=2.0**33)
    world.set(Tasks, paused, state="paused")
    world.set(Steps, world.step(other).id, model="birefnet")
    world.set(Steps, world.step(running).id, state="running")
    assert waiting(world) == [ready]
    assert sorted(waiting(world, ("selfie", "birefnet"))) == sorted([ready, other])
    assert waiting(world, ()) == []
    assert world.database.look(steps.waiting_count) == 3


def test_the_list_is_as_long_as_it_was_asked_for(world: World) -> None:
    user = world.user()
    made = [world.task(user) for _ in range(4)]
    assert waiting(world, limit=2) == made[:2]


def test_segments_of_one_video_go_in_its_order(world: World) -> None:
    task_id = world.task()
    world.add_step(task_id)
    world.add_step(task_id)
    found = world.database.look(lambda work: steps.next_waiting(work, ("selfie",), 9))
    assert [step.ord for step in found] == [0, 1, 2]


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
