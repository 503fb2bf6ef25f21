"""Stragglers and their racers, on SQLite, PostgreSQL and MariaDB."""

import pytest

from coordinator.domain.news import AttemptStopping
from coordinator.services import controls, dispatching
from coordinator.services.choosing import Choice
from coordinator.services.dispatching import ClaimLostError
from coordinator.store import fleet
from coordinator.store.tables import Attempts, Tasks
from protocol.base import AttemptId, InterfaceId
from protocol.states import AttemptState as A
from protocol.states import StepState as S
from protocol.states import TaskState as T
from tests.coordinator.soundness import unsound
from tests.coordinator.world import RULES, World


def straggling(world: World, frames: int = 1000) -> tuple[str, str, str, str]:
    """A task, its slow attempt, that attempt's node, and an idle node that is ten times faster."""
    slow = world.node(name="slow", slots=1)
    world.run(lambda work: fleet.learn_speed(work, slow, "selfie", 0, 5.0))
    task_id = world.task(frames=frames)
    attempt = world.running()
    fast = world.node(name="fast", slots=1)
    world.run(lambda work: fleet.learn_speed(work, fast, "selfie", 0, 50.0))
    return task_id, attempt, slow, fast


def test_an_idle_node_races_what_it_would_do_in_half_of_the_time_that_is_left(world: World) -> None:
    task_id, attempt, slow, fast = straggling(world)
    world.news()
    offer = world.claim()
    assert offer is not None
    assert (offer.interface.id, offer.step.id) == (fast, world.step(task_id).id)
    assert world.claim() is None
    assert world.accept(offer.attempt.id)
    world.report(offer.attempt.id)
    assert world.verify(offer.attempt.id)
    assert world.state(task_id) == T.COMPLETED
    assert world.attempt(attempt).state == A.STOPPING
    assert AttemptStopping(AttemptId(attempt), InterfaceId(slow)) in world.news()
    assert world.say(attempt, "progress", 5) == "cancel"
    world.say(attempt, "cancelled", 6)
    assert world.attempt(attempt).state == A.CANCELLED
    assert (world.step(task_id).failures, world.step(task_id).losses) == (0, 0)
    assert world.database.look(unsound) == []


def test_the_slow_one_may_win_and_one_that_reported_too_late_is_outrun(world: World) -> None:
    task_id, attempt, _, _ = straggling(world)
    racer = world.running()
    world.report(attempt)
    world.report(racer)
    assert world.verify(attempt)
    assert not world.verify(racer)
    assert (world.step(task_id).winner, world.attempt(racer).state) == (attempt, A.CANCELLED)
    assert world.database.look(unsound) == []


@pytest.mark.parametrize("end", ["failed", "lost"])
def test_a_racer_that_ends_badly_leaves_the_step_to_the_other(world: World, end: str) -> None:
    task_id, attempt, _, _ = straggling(world)
    world.set(Tasks, task_id, suspect=False)
    racer = world.running()
    if end == "failed":
        world.fail(racer)
    else:
        world.run(lambda work: dispatching.busy(work, RULES, racer))
        world.say(racer, "released") if world.attempt(racer).state == A.RUNNING else None
    assert world.step(task_id).state == S.RUNNING
    world.report(attempt)
    assert world.verify(attempt)
    assert world.state(task_id) == T.COMPLETED
    assert world.database.look(unsound) == []


def test_when_both_end_badly_the_step_waits_again(world: World) -> None:
    task_id, attempt, _, _ = straggling(world)
    racer = world.running()
    world.fail(attempt)
    assert world.step(task_id).state == S.RUNNING
    world.fail(racer)
    assert (world.step(task_id).state, world.step(task_id).failures) == (S.PENDING, 2)
    assert world.database.look(unsound) == []


def test_pause_stops_both(world: World) -> None:
    task_id, attempt, _, _ = straggling(world)
    racer = world.running()
    world.run(lambda work: controls.pause(work, None, task_id))
    assert {world.attempt(key).state for key in (attempt, racer)} == {A.STOPPING}
    assert world.step(task_id).state == S.PENDING
    assert world.database.look(unsound) == []


def test_nobody_races_while_something_waits_that_the_idle_node_could_take(small_world: World) -> None:
    world = small_world
    task_id, _, _, _ = straggling(world)
    other = world.task()
    offer = world.claim()
    assert offer is not None
    assert (offer.task.id, offer.task.id != task_id) == (other, True)


def test_a_step_that_is_nearly_done_or_makes_good_progress_is_not_raced(small_world: World) -> None:
    world = small_world
    _, attempt, _, _ = straggling(world)
    world.set(Attempts, attempt, frames_done=900, fps=5.0)
    assert world.claim() is None


def test_a_step_that_stands_still_is_raced(small_world: World) -> None:
    world = small_world
    _, attempt, _, _ = straggling(world)
    world.set(Attempts, attempt, frames_done=900, fps=50.0)
    assert world.claim() is None
    world.set(Attempts, attempt, progress_at=world.database.clock() - 100)
    assert world.claim() is not None


def test_no_step_has_three_attempts(world: World) -> None:
    task_id, _, _, _ = straggling(world)
    world.running()
    third = world.node(name="third")
    chosen = Choice(world.step(task_id).id, task_id, third, 1.0, again=False, race=True)
    with pytest.raises(ClaimLostError):
        world.run(lambda work: dispatching.take(work, RULES, chosen))
    assert world.claim() is None
