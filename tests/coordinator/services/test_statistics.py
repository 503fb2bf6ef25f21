"""What administrators and users are shown in numbers: minutes, failures, the queue, what nodes did, what one uses."""

from typing import Any

import pytest
from sqlalchemy import update

from coordinator.domain.tasks import TaskPriority
from coordinator.errors import NotFound
from coordinator.services import controls, queueing, sampling, usage
from coordinator.services.candidates import Polls
from coordinator.services.queueing import Queue, Why
from coordinator.store import audit, endings, samples
from coordinator.store.schema import table
from coordinator.store.tables import Attempts, Interfaces, Steps, Tasks
from coordinator.store.work import Work
from tests.coordinator.world import RULES, World

ENDED = {"completed": 0, "failed": 0, "cancelled": 0, "frames": 0, "attempts_done": 0, "attempts_failed": 0}


def minute_before(world: World) -> int:
    return world.database.look(lambda work: int(work.now) // 60 * 60 - 60)


def all_ended_at(world: World, at: float) -> None:
    """Everything that has ended did so at this moment."""

    def unit(work: Work) -> None:
        tasks, attempts = table(Tasks), table(Attempts)
        work.execute(update(tasks).where(tasks.c.finished_at.is_not(None)).values(finished_at=at))
        work.execute(update(attempts).where(attempts.c.ended_at.is_not(None)).values(ended_at=at))

    world.run(unit)


def sample(world: World) -> None:
    """What the tick does; another replica that counted at the same moment writes nothing more."""
    minutes = world.database.look(sampling.due)
    world.run(lambda work: sampling.keep(work, minutes))
    world.run(lambda work: sampling.keep(work, minutes))


def waiting(world: World, limit: int = 100) -> Queue:
    return world.database.look(lambda work: queueing.queue(work, Polls(), limit))


def names(world: World, found: Queue, *task_ids: str) -> list[int]:
    """Places as positions in `task_ids`."""
    return [task_ids.index(place.task.id) for place in found.places]


def fail_for_good(world: World, task_id: str) -> None:
    """Fail a task's only step as often as it takes."""
    while world.state(task_id) != "failed":
        attempt_id = world.running()
        world.fail(attempt_id)
        world.set(Interfaces, world.attempt(attempt_id).interface_id, rest_until=0.0)
        world.set(Steps, world.step(task_id).id, not_before=0.0)


def test_a_minute_is_written_once_and_says_what_ended_in_it(world: World) -> None:
    world.node(slots=2)
    world.task()
    world.done()
    broken = world.task()
    fail_for_good(world, broken)
    world.task()
    at = minute_before(world)
    all_ended_at(world, at + 30.0)
    world.run(lambda work: samples.add(work, {"at": at - 60, **ENDED}))
    sample(world)
    sample(world)
    points = world.database.look(lambda work: sampling.series(work, 1))["points"]
    point = next(point for point in points if point["begin"] == at)
    bad = len([one for one in world.attempts(broken) if one.state == "failed"])
    tried = {"completed": 1, "failed": 1, "frames": 24, "attempts_done": 1, "attempts_failed": bad}
    assert {name: point[name] for name in ENDED} == ENDED | tried
    assert (point["minutes"], point["fps"]) == (1, 24 / 60)
    assert point["error_rate"] == bad / (1 + bad)
    assert (points[-1]["waiting_tasks"], points[-1]["waiting_steps"], points[-1]["slots"]) == (1, 1, 2)


def test_minutes_without_a_coordinator_are_counted_afterwards_and_summed_in_spans(world: World) -> None:
    last = minute_before(world)
    span = last // 600 * 600
    world.run(lambda work: samples.add(work, {"at": last - 1200, **ENDED, "frames": 600, "waiting_tasks": 4}))
    world.run(lambda work: samples.add(work, {"at": last - 1200, **ENDED, "frames": 999}))
    sample(world)
    found = world.database.look(lambda work: sampling.series(work, 24))
    assert found["span_s"] == 600
    by_begin = {point["begin"]: point for point in found["points"]}
    first = by_begin[(last - 1200) // 600 * 600]
    assert first["frames"] == 600
    assert first["waiting_tasks"] == 4
    assert by_begin[span]["waiting_tasks"] == 0
    assert sum(point["minutes"] for point in found["points"]) in {21, 22}
    world.run(lambda work: samples.forget_before(work, last))
    assert len(world.database.look(lambda work: sampling.series(work, 24))["points"]) in {1, 2}


def test_failures_are_grouped_by_their_code(world: World) -> None:
    for number in range(2):
        world.node(slots=1, name=f"node-{number}")
    fail_for_good(world, world.task())
    found = world.database.look(lambda work: endings.failed_attempts(work, 0.0))
    assert [(one.code, one.number, one.tasks) for one in found] == [("broken", RULES.limits.failures, 1)]
    assert 1 <= found[0].nodes <= 2
    (task,) = world.database.look(lambda work: endings.failed_tasks(work, 0.0))
    assert (task.code, task.number, task.tasks, task.nodes) == ("broken", 1, 1, 0)
    assert world.database.look(lambda work: endings.failed_tasks(work, work.now + 1)) == []


def test_a_node_shows_what_it_was_given_page_by_page(world: World) -> None:
    node = world.node(slots=1)
    tasks = [world.task() for _ in range(3)]
    done = [world.done() for _ in tasks]
    first = world.database.look(lambda work: endings.of_node(work, node, None, 2))
    rest = world.database.look(lambda work: endings.of_node(work, node, first[-1].attempt.id, 2))
    assert sorted(one.attempt.id for one in (*first, *rest)) == sorted(done)
    assert {one.task_name for one in first} == {"video.bin"}
    assert {(one.kind, one.frames, one.attempt.state) for one in first} == {("segment", 24, "completed")}
    assert world.database.look(lambda work: endings.of_node(work, "another", None, 2)) == []


def test_the_queue_is_in_the_order_in_which_it_is_served_and_says_why(world: World) -> None:
    low, high, first = world.user(), world.user(klass=1), world.user()
    a, b, c = world.task(low), world.task(high), world.task(first)
    found = waiting(world)
    assert found.waiting == 3
    assert {place.why for place in found.places} == {Why.NO_NODES}
    assert names(world, found, a, b, c)[0] == 1
    world.node(slots=1, name="only")
    found = waiting(world)
    assert found.places[0].task.id == b
    assert [place.why for place in found.places] == [Why.STARTING, Why.NODES_BUSY, Why.NODES_BUSY]
    assert {place.node for place in found.places} == {"only"}
    starts = [place.begins_s for place in found.places]
    assert starts == sorted(starts, key=lambda one: one or 0.0)
    change = TaskPriority.model_validate({"class": 5})
    world.run(lambda work: controls.prioritise(work, None, c, change))
    assert waiting(world, 1).places[0].task.id == c
    world.node(models=("other",), online=False)
    world.task(low, model="other")
    assert waiting(world).places[-1].why is Why.NO_MODEL


def test_what_no_node_can_do_is_in_the_order_of_the_queue_also_while_it_waits_for_its_time(world: World) -> None:
    busy, fresh, high = world.user(use_score=9.0), world.user(), world.user(klass=1)
    world.node(models=("other",), online=False)
    late, soon = world.task(busy), world.task(busy, priority=5)
    cut = world.task(fresh, segments=3)
    other = world.task(fresh, model="other")
    first = world.task(high)
    world.set(Steps, world.step(soon).id, not_before=2e10)
    everything = [first, cut, other, soon, late]
    assert [place.task.id for place in waiting(world).places] == everything
    assert [place.task.id for place in waiting(world, 2).places] == everything[:2]
    assert waiting(world, 2).waiting == 5


def test_usage_counts_what_an_account_has_and_may_have(world: World) -> None:
    user, other = world.user(storage_mb=1), world.user()
    world.node()
    world.task(user)
    attempt = world.done()
    world.set(Attempts, attempt, started_at=(world.attempt(attempt).ended_at or 0.0) - 5.0)
    world.picture(user)
    world.task(user)

    def of(user_id: str) -> dict[str, Any]:
        return world.database.look(lambda work: usage.usage(work, RULES, 0, user_id))

    found = of(user)
    assert found["tasks"] == {"completed": 1, "waiting": 1}
    assert found["storage"]["quota_bytes"] == 1024 * 1024
    assert found["storage"]["uploads"] == {
        "video": {"number": 2, "bytes": 2000},
        "background": {"number": 1, "bytes": 1000},
    }
    assert found["storage"]["bytes"] == 3500
    assert found["waiting"] == {"tasks": 1, "most": RULES.user_max_waiting}
    assert found["last_30_days"] == {"seconds": pytest.approx(5.0, abs=0.1), "frames": 24, "attempts": 1}
    nothing = of(other)
    assert nothing["storage"] == {"bytes": 0, "quota_bytes": None, "uploads": {}}
    assert nothing["last_30_days"] == {"seconds": 0.0, "frames": 0, "attempts": 0}
    with pytest.raises(NotFound):
        of("nobody")


def test_the_audit_is_filtered_by_target_and_by_the_beginning_of_an_action(small_world: World) -> None:
    def unit(work: Work) -> None:
        for action, target in (("login.ok", "u"), ("login.failed", ""), ("interface.drain", "n"), ("loginx", "u")):
            audit.record(work, action, actor="a", target=target)

    small_world.run(unit)

    def found(**filters: str) -> list[str]:
        rows = small_world.database.look(lambda work: audit.page(work, before=None, limit=10, **filters))
        return [row.action for row in rows]

    assert found(action="login.") == ["login.failed", "login.ok"]
    assert found(action="login.ok") == ["login.ok"]
    assert found(target="u") == ["loginx", "login.ok"]
