"""Leases, lists of attempts, and the coordinator's doubt about itself; on SQLite, PostgreSQL and MariaDB."""

import pytest

from coordinator.domain.news import AttemptEnded, QueueChanged
from coordinator.services import controls, doubt, leases
from coordinator.services.leases import Heard
from coordinator.store import facts
from coordinator.store.tables import Attempts
from coordinator.store.work import Work
from protocol.base import AttemptId
from protocol.interfaces import HeldAttempt
from protocol.states import AttemptState as A
from protocol.states import StepState as S
from protocol.states import TaskState as T
from tests.coordinator.soundness import unsound
from tests.coordinator.world import RULES, World

PAST = 1.0


def hear(world: World, node: str, *held: str, boot_id: str = "boot-1") -> Heard:
    """A list from a node."""
    named = [HeldAttempt(attempt_id=AttemptId(key)) for key in held]
    return world.run(lambda work: leases.hear(work, RULES, node, boot_id, named))


def expire(world: World) -> int:
    return world.run(lambda work: leases.expire(work, RULES))


@pytest.mark.parametrize("state", [A.OFFERED, A.RUNNING])
def test_work_whose_lease_is_over_is_offered_again_and_counts_as_a_loss(world: World, state: A) -> None:
    task_id = world.task()
    node = world.node()
    attempt_id = world.offered() if state is A.OFFERED else world.running()
    assert expire(world) == 0
    world.set(Attempts, attempt_id, lease_until=PAST)
    world.news()
    assert expire(world) == 1
    attempt, step = world.attempt(attempt_id), world.step(task_id)
    assert attempt.error is not None
    assert (attempt.state, attempt.charge, attempt.error["code"]) == (A.LOST, "loss", "lease_expired")
    assert (step.state, step.losses, step.failures, world.state(task_id)) == (S.PENDING, 1, 0, T.WAITING)
    assert {AttemptEnded(AttemptId(attempt_id)), QueueChanged()} <= set(world.news())
    assert expire(world) == 0
    assert world.claim([node]) is not None
    assert world.database.look(unsound) == []


@pytest.mark.parametrize(("state", "lane"), [(A.OFFERED, "pull"), (A.RUNNING, "push")])
def test_a_node_that_did_not_answer_an_offer_for_a_whole_lease_is_called_no_more(
    world: World, state: A, lane: str
) -> None:
    world.task()
    node = world.node()
    attempt_id = world.offered() if state is A.OFFERED else world.running()
    world.set(Attempts, attempt_id, lease_until=PAST)
    assert expire(world) == 1
    assert world.interface(node).lane == lane


def test_a_stopping_attempt_gives_its_slot_back_when_its_lease_is_over(world: World) -> None:
    user = world.user()
    task_id = world.task(user)
    world.node(slots=1)
    attempt_id = world.running()
    world.run(lambda work: controls.pause(work, user, task_id))
    world.set(Attempts, attempt_id, lease_until=PAST)
    world.news()
    assert expire(world) == 1
    assert (world.attempt(attempt_id).state, world.step(task_id).losses) == (A.CANCELLED, 0)
    assert {AttemptEnded(AttemptId(attempt_id)), QueueChanged()} <= set(world.news())
    world.task(user)
    assert world.claim() is not None


def test_no_lease_runs_while_the_verifier_owns_an_attempt(world: World) -> None:
    task_id = world.task()
    node = world.node()
    attempt_id = world.reported()
    world.set(Attempts, attempt_id, lease_until=PAST)
    assert expire(world) == 0
    assert hear(world, node, boot_id="boot-2") == Heard((), ())
    assert world.run(lambda work: leases.abandon(work, RULES, node, "node_left")) == 0
    assert (world.attempt(attempt_id).state, world.step(task_id).state) == (A.REPORTED, S.RUNNING)
    assert world.verify(attempt_id)


def test_a_list_renews_what_it_names_and_says_what_to_stop_and_to_drop(world: World) -> None:
    user = world.user()
    first, second = world.task(user), world.task(user)
    node = world.node()
    running, stopping = world.running(), world.running()
    assert world.attempt(running).task_id == first
    world.run(lambda work: controls.cancel(work, RULES, user, second))
    for key in (running, stopping):
        world.set(Attempts, key, lease_until=PAST)
    assert hear(world, node, running, stopping, "nobody") == Heard((AttemptId(stopping),), (AttemptId("nobody"),))
    assert min(world.attempt(running).lease_until, world.attempt(stopping).lease_until) > PAST
    assert expire(world) == 0


def test_within_one_boot_only_the_lease_ends_what_a_list_lacks(world: World) -> None:
    task_id = world.task()
    node = world.node()
    attempt_id = world.running()
    assert hear(world, node) == Heard((), ())
    assert (world.attempt(attempt_id).state, world.state(task_id)) == (A.RUNNING, T.PROCESSING)


def test_a_list_of_a_later_boot_ends_what_it_lacks(world: World) -> None:
    user = world.user()
    task_id = world.task(user)
    world.task(user)
    world.task(user)
    node = world.node(slots=3)
    lost, kept, offered = world.running(), world.running(), world.offered()
    hear(world, node, kept, boot_id="boot-2")
    assert [world.attempt(key).state for key in (lost, kept, offered)] == [A.LOST, A.RUNNING, A.OFFERED]
    assert (world.step(task_id).state, world.step(task_id).losses) == (S.PENDING, 1)
    hear(world, node, boot_id="boot-2")
    assert world.attempt(kept).state == A.LOST
    assert world.database.look(unsound) == []


def test_a_node_cannot_renew_what_another_holds(world: World) -> None:
    world.task()
    world.node()
    attempt_id = world.running()
    world.set(Attempts, attempt_id, lease_until=PAST)
    assert hear(world, world.node(), attempt_id) == Heard((), (AttemptId(attempt_id),))
    assert world.attempt(attempt_id).lease_until == PAST


def test_a_node_that_leaves_gives_everything_back(world: World) -> None:
    user = world.user()
    first, second = world.task(user), world.task(user)
    node = world.node()
    running, stopping = world.running(), world.running()
    world.run(lambda work: controls.pause(work, user, second))
    assert world.run(lambda work: leases.abandon(work, RULES, node, "node_left")) == 2
    assert [world.attempt(key).state for key in (running, stopping)] == [A.LOST, A.CANCELLED]
    assert world.step(first).state == S.PENDING
    assert world.run(lambda work: leases.abandon(work, RULES, node, "node_left")) == 0


@pytest.mark.parametrize(
    ("stage", "age", "given_up"), [("process", 310, 1), ("process", 200, 0), ("load", 310, 0), ("load", 910, 1)]
)
def test_an_attempt_that_stands_still_fails(world: World, stage: str, age: float, given_up: int) -> None:
    task_id = world.task()
    world.node()
    attempt_id = world.running()
    now = world.database.look(lambda work: work.now)
    world.set(Attempts, attempt_id, stage=stage, progress_at=now - age)
    assert world.run(lambda work: leases.give_up_on_the_still(work, RULES)) == given_up
    assert world.step(task_id).failures == given_up
    assert world.attempt(attempt_id).state == (A.FAILED if given_up else A.RUNNING)


def test_a_doubt_lasts_one_lease_and_is_known_to_every_replica(world: World) -> None:
    assert not world.database.look(doubt.in_doubt)
    world.run(lambda work: doubt.doubt(work, RULES, "started"))
    assert world.database.look(doubt.in_doubt)
    world.run(lambda work: facts.put(work, doubt.NAME, {"since": 0.0, "until": work.now - 1, "reason": "x"}))
    assert not world.database.look(doubt.in_doubt)


def fleet_of(world: World, nodes: int) -> list[str]:
    """As many nodes with one running attempt each."""
    user = world.user()
    found = []
    for _ in range(nodes):
        world.task(user)
        world.node(slots=1)
        found.append(world.running())
    return found


def silent(world: World) -> bool:
    return world.run(lambda work: doubt.silence(work, RULES))


@pytest.mark.parametrize(("nodes", "quiet", "begins"), [(5, 3, True), (6, 3, False), (3, 2, False), (3, 3, True)])
def test_the_silence_of_most_nodes_is_our_own_deafness(world: World, nodes: int, quiet: int, begins: bool) -> None:
    attempts = fleet_of(world, nodes)
    for key in attempts[:quiet]:
        world.set(Attempts, key, lease_until=PAST)
    assert silent(world) is begins
    assert world.database.look(doubt.in_doubt) is begins


def test_nodes_that_stay_silent_all_through_a_doubt_are_lost(world: World) -> None:
    attempts = fleet_of(world, 3)
    for key in attempts:
        world.set(Attempts, key, lease_until=PAST)
    assert silent(world)
    world.run(_end_doubt)
    assert not silent(world)
    assert expire(world) == 3


@pytest.mark.parametrize(("waited", "ended"), [(0.0, 1), (16.0, 0), (-16.0, 0)])
def test_a_unit_that_had_to_wait_takes_nothing_away(world: World, waited: float, ended: int) -> None:
    (attempt_id,) = fleet_of(world, 1)
    world.set(Attempts, attempt_id, lease_until=PAST)
    assert world.run(lambda work: leases.take_away(work, RULES, work.now - waited)) == ended
    assert world.database.look(doubt.in_doubt) is not bool(ended)
    assert world.attempt(attempt_id).state == (A.LOST if ended else A.RUNNING)


def _end_doubt(work: Work) -> None:
    known = facts.get(work, doubt.NAME)
    assert known is not None
    facts.put(work, doubt.NAME, known | {"until": known["since"]})


def test_a_lease_that_was_renewed_meanwhile_is_left_alone(small_world: World) -> None:
    world = small_world
    task_id = world.task()
    node = world.node()
    attempt_id = world.running()
    world.set(Attempts, attempt_id, lease_until=PAST)
    stale = world.attempt(attempt_id)
    hear(world, node, attempt_id)
    assert not world.run(lambda work: leases._not_renewed(work, stale))  # noqa: SLF001 - the moment between reading and locking
    assert (world.attempt(attempt_id).state, world.step(task_id).state) == (A.RUNNING, S.RUNNING)
