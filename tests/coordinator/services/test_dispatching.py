"""From a waiting step to a node, on SQLite, PostgreSQL and MariaDB."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from coordinator.clock import system_clock
from coordinator.domain.blame import ALONE_AFTER_LOSSES
from coordinator.domain.lifecycle import SLOT
from coordinator.services import controls, dispatching
from coordinator.services.candidates import Polls
from coordinator.services.choosing import Choice
from coordinator.services.dispatching import ClaimLostError
from coordinator.store import attempts, media
from coordinator.store.database import Database
from coordinator.store.tables import Steps
from protocol.states import AttemptState as A
from protocol.states import StepState as S
from protocol.states import TaskState as T
from tests.coordinator.soundness import unsound
from tests.coordinator.world import RULES, World


def test_an_offer_names_all_that_an_assignment_needs(world: World) -> None:
    task_id, node = world.task(), world.node()
    offer = world.claim()
    assert offer is not None
    assert (offer.task.id, offer.interface.id, offer.step.id) == (task_id, node, world.step(task_id).id)
    assert (offer.attempt.state, offer.attempt.lane) == (A.OFFERED, "push")
    assert offer.attempt.lease_until == pytest.approx(offer.attempt.offered_at + RULES.lease_s)
    assert offer.source.id == world.get(task_id).source_id
    assert world.step(task_id).state == S.RUNNING
    assert world.state(task_id) == T.WAITING
    assert world.database.look(unsound) == []


@pytest.mark.parametrize(
    "unable",
    [
        {"admission": "pending"},
        {"admission": "quarantined"},
        {"admission": "revoked"},
        {"online": False},
        {"draining": True},
        {"health": "unhealthy"},
        {"unreachable": True},
        {"lane": "pull"},
        {"models": ["birefnet"]},
    ],
)
def test_a_node_that_may_not_work_gets_nothing(small_world: World, unable: dict[str, Any]) -> None:
    small_world.task()
    small_world.node(**unable)
    assert small_world.claim() is None


def test_a_node_of_the_pull_lane_gets_work_while_it_asks(world: World) -> None:
    world.task()
    node = world.node(lane="pull", unreachable=True)
    assert world.claim() is None
    offer = world.claim(polling=[node])
    assert offer is not None
    assert offer.attempt.lane == "pull"


def test_concurrent_claims_never_pass_a_nodes_slots(world: World) -> None:
    user = world.user()
    for _ in range(12):
        world.task(user)
    nodes = [world.node(slots=2), world.node(slots=1)]
    replicas = [world, World(Database(world.database.url, system_clock))]

    def take_all(replica: World) -> None:
        lost = 0
        while lost < 50:
            try:
                if replica.run(lambda work: dispatching.claim(work, RULES, Polls())).offer is None:
                    return
            except ClaimLostError:
                lost += 1

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(take_all, replicas * 3))
    taken = Counter(a.interface_id for a in world.database.look(attempts.offered))
    assert taken == {nodes[0]: 2, nodes[1]: 1}
    assert world.database.look(unsound) == []
    replicas[1].database.engine.dispose()


def test_of_many_claims_for_one_step_one_counts(world: World) -> None:
    task_id = world.task()
    for _ in range(4):
        world.node(slots=4)
    with ThreadPoolExecutor(6) as threads:
        offers = list(threads.map(lambda _: world.claim(), range(6)))
    assert len([offer for offer in offers if offer is not None]) == 1
    assert len(world.attempts(task_id)) == 1


@pytest.mark.parametrize("state", [A.OFFERED, A.RUNNING, A.STOPPING])
def test_a_slot_is_held_until_the_node_lets_go(small_world: World, state: A) -> None:
    world = small_world
    user = world.user()
    first = world.task(user)
    world.node(slots=1)
    attempt_id = world.offered() if state is A.OFFERED else world.running()
    if state is A.STOPPING:
        world.run(lambda work: controls.cancel(work, RULES, user, first))
    assert world.attempt(attempt_id).state == state
    assert state in SLOT
    world.task(user)
    assert world.claim() is None


def test_a_reported_attempt_holds_no_slot(small_world: World) -> None:
    world = small_world
    user = world.user()
    world.task(user)
    world.task(user)
    world.node(slots=1)
    world.reported()
    assert world.claim() is not None


def test_a_node_that_has_not_tried_the_step_goes_first(world: World) -> None:
    task_id = world.task()
    slow, fast = world.node(name="slow"), world.node(name="fast")
    first = world.running()
    tried = world.attempt(first).interface_id
    world.fail(first)
    world.set(Steps, world.step(task_id).id, not_before=0.0)
    offer = world.claim()
    assert offer is not None
    assert {tried, offer.interface.id} == {slow, fast}


def test_the_only_node_may_try_again_after_the_backoff(world: World) -> None:
    task_id = world.task()
    world.node()
    world.fail(world.running())
    step = world.step(task_id)
    assert (step.state, step.failures) == (S.PENDING, 1)
    assert world.claim() is None
    world.set(Steps, step.id, not_before=0.0)
    assert world.claim() is not None


def test_a_step_that_keeps_being_lost_waits_for_an_idle_node_and_stays_alone_there(world: World) -> None:
    user = world.user()
    ordinary = world.task(user)
    deadly = world.task(user)
    world.set(Steps, world.step(deadly).id, losses=ALONE_AFTER_LOSSES)
    world.node(slots=3)
    first = world.running()
    assert world.attempt(first).task_id == ordinary
    assert world.claim() is None
    world.report(first)
    offer = world.claim()
    assert offer is not None
    assert offer.task.id == deadly
    world.task(user)
    assert world.claim() is None


def test_a_task_that_was_stopped_while_its_step_was_chosen_is_not_offered(small_world: World) -> None:
    world = small_world
    user = world.user()
    task_id = world.task(user)
    node = world.interface(world.node())
    chosen = Choice(world.step(task_id).id, task_id, node.id, 1.0, again=False)
    world.run(lambda work: controls.pause(work, user, task_id))
    assert world.run(lambda work: dispatching.take(work, RULES, chosen)).offer is None
    assert (world.step(task_id).state, world.attempts(task_id)) == (S.PENDING, [])


@pytest.mark.parametrize("what", ["source", "background"])
def test_a_task_whose_files_vanished_fails_instead_of_blocking_the_queue(world: World, what: str) -> None:
    user = world.user()
    picture = world.picture(user)
    task_id = world.task_with(user, picture)
    gone = world.get(task_id).source_id if what == "source" else picture
    world.run(lambda work: media.remove(work, gone or ""))
    world.node()
    assert world.claim() is None
    failed = world.get(task_id)
    assert failed.error is not None
    assert (failed.state, failed.error["code"]) == (T.FAILED, "source_gone")
    assert world.database.look(unsound) == []
