"""What nodes answer to an offer, on SQLite, PostgreSQL and MariaDB."""

import pytest

from coordinator.domain.news import InterfaceChanged, QueueChanged
from coordinator.services import controls, dispatching, refusals, registry
from coordinator.store.tables import Interfaces, Steps
from protocol.base import InterfaceId
from protocol.states import AttemptState as A
from protocol.states import StepState as S
from protocol.states import TaskState as T
from tests.coordinator.soundness import unsound
from tests.coordinator.world import RULES, World


def test_the_first_of_answer_and_callback_starts_the_attempt(world: World) -> None:
    task_id = world.task()
    world.node()
    attempt_id = world.offered()
    assert world.say(attempt_id, "progress", frames_done=3) == "continue"
    started = world.attempt(attempt_id)
    assert (started.state, started.boot_id, world.state(task_id)) == (A.RUNNING, "boot-1", T.PROCESSING)
    assert world.accept(attempt_id)
    assert world.attempt(attempt_id).started_at == started.started_at


def test_a_busy_node_costs_the_step_nothing_but_a_moment(world: World) -> None:
    task_id = world.task()
    world.node()
    attempt_id = world.offered()
    world.news()
    world.run(lambda work: dispatching.busy(work, RULES, attempt_id))
    step, attempt = world.step(task_id), world.attempt(attempt_id)
    assert (attempt.state, attempt.charge, step.state, step.failures, step.losses) == (
        A.REJECTED,
        None,
        S.PENDING,
        0,
        0,
    )
    assert step.not_before > (attempt.ended_at or 0)
    assert QueueChanged() in world.news()
    world.set(Steps, step.id, not_before=0.0)
    assert world.claim() is not None


def refuse(world: World, attempt_id: str) -> None:
    """The node says 422."""
    world.run(lambda work: dispatching.refused(work, RULES, attempt_id, "unsupported_codec", "No"))


def refused_by_one_of_two(world: World) -> tuple[str, str]:
    """A task whose step one of two nodes has refused, and the other node."""
    task_id = world.task()
    nodes = {world.node(), world.node()}
    attempt_id = world.offered()
    refuse(world, attempt_id)
    return task_id, (nodes - {world.attempt(attempt_id).interface_id}).pop()


def test_a_refused_step_is_given_up_when_the_last_node_that_had_not_refused_it_is_gone(world: World) -> None:
    task_id, other = refused_by_one_of_two(world)
    assert world.database.look(refusals.in_vain) == []
    world.set(Interfaces, other, online=False)
    (step,) = world.database.look(refusals.in_vain)
    assert world.run(lambda work: refusals.judge(work, RULES, task_id, step.id))
    assert not world.run(lambda work: refusals.judge(work, RULES, task_id, step.id))
    task = world.get(task_id)
    assert task.error is not None
    assert (task.state, task.error["code"]) == (T.FAILED, "unsupported_codec")
    assert world.database.look(unsound) == []


def test_a_refused_step_waits_while_nobody_is_there(world: World) -> None:
    task_id, other = refused_by_one_of_two(world)
    for node in (other, world.attempts(task_id)[0].interface_id):
        world.set(Interfaces, node, online=False)
    assert world.database.look(refusals.in_vain) == []


def test_a_step_that_one_node_refuses_goes_to_another_and_fails_when_all_refuse(world: World) -> None:
    user = world.user()
    task_id = world.task(user)
    world.node()
    world.node()
    first, second = "", ""
    for place in range(2):
        attempt_id = world.offered()
        first, second = (attempt_id, second) if not place else (first, attempt_id)
        refuse(world, attempt_id)
    assert world.attempt(first).interface_id != world.attempt(second).interface_id
    task = world.get(task_id)
    assert task.error is not None
    assert (task.state, task.error["code"], world.step(task_id).failures) == (T.FAILED, "unsupported_codec", 0)
    world.run(lambda work: controls.retry(work, RULES, user, task_id))
    assert world.claim() is not None
    assert world.database.look(unsound) == []


def test_a_node_where_nobody_listens_asks_for_its_work_from_then_on(world: World) -> None:
    task_id = world.task()
    node = world.node()
    attempt_id = world.offered()
    world.news()
    world.run(lambda work: dispatching.not_connected(work, RULES, attempt_id))
    assert (world.attempt(attempt_id).state, world.interface(node).lane) == (A.REJECTED, "pull")
    assert InterfaceChanged(InterfaceId(node)) in world.news()
    assert world.step(task_id).state == S.PENDING
    assert world.claim() is None
    assert world.claim(polling=[node]) is not None


def test_a_node_that_does_not_answer_keeps_its_offer_and_gets_nothing_new(world: World) -> None:
    user = world.user()
    world.task(user)
    world.task(user)
    node = world.node()
    attempt_id = world.offered()
    world.run(lambda work: registry.unreachable(work, node))
    assert world.attempt(attempt_id).state == A.OFFERED
    assert world.database.look(lambda work: dispatching.offer_of(work, attempt_id)) is not None
    assert world.claim() is None
    world.set(Interfaces, node, unreachable=False)
    assert world.claim() is not None


@pytest.mark.parametrize("answer", ["busy", "refused", "not_connected"])
def test_a_refusal_of_an_offer_that_was_stopped_meanwhile_frees_the_slot(world: World, answer: str) -> None:
    user = world.user()
    task_id = world.task(user)
    world.node(slots=1)
    attempt_id = world.offered()
    world.run(lambda work: controls.pause(work, user, task_id))
    world.news()
    if answer == "refused":
        world.run(lambda work: dispatching.refused(work, RULES, attempt_id, "no", "No"))
    elif answer == "busy":
        world.run(lambda work: dispatching.busy(work, RULES, attempt_id))
    else:
        world.run(lambda work: dispatching.not_connected(work, RULES, attempt_id))
    assert world.attempt(attempt_id).state == A.CANCELLED
    assert QueueChanged() in world.news()
    assert (world.state(task_id), world.step(task_id).state) == (T.PAUSED, S.PENDING)


def test_offers_without_an_answer_are_found_again(world: World) -> None:
    user = world.user()
    world.task(user)
    world.task(user)
    node = world.node()
    first, second = world.offered(), world.offered()
    again = world.database.look(lambda work: dispatching.unanswered(work, node, {first}))
    assert [offer.attempt.id for offer in again] == [second]
    assert len(world.database.look(dispatching.pushed_offers)) == 2
    world.accept(first)
    assert [offer.attempt.id for offer in world.database.look(dispatching.pushed_offers)] == [second]
