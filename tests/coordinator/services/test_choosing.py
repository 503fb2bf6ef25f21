"""The order of the queue among users, nodes and kinds of steps, on SQLite, PostgreSQL and MariaDB."""

from collections import Counter
from typing import Any

import pytest

from coordinator.domain import fairness
from coordinator.domain.blame import ALONE_AFTER_LOSSES
from coordinator.ids import new_id
from coordinator.services import candidates, charging, choosing, controls, dispatching
from coordinator.services.candidates import Polls
from coordinator.store import attempts, fleet, users, waits
from coordinator.store.tables import Attempts, Interfaces, Steps, Tasks
from protocol.states import StepState as S
from tests.coordinator.soundness import unsound
from tests.coordinator.world import RULES, World


def owner_of(world: World, attempt_id: str) -> str:
    """Whose task an attempt works on."""
    return world.get(world.attempt(attempt_id).task_id).user_id


def use_of(world: World, user: str) -> float:
    """Decayed node-seconds of a user."""
    score = world.database.look(lambda work: users.use_score(work, user))
    return fairness.use(score or 0.0, world.database.clock())


def test_promise_13_who_submits_one_after_a_thousand_of_another_starts_at_the_next_free_slot(world: World) -> None:
    flood, one = world.user(), world.user()
    for _ in range(30):
        world.task(flood)
    world.node(slots=2)
    first = [world.running(), world.running()]
    world.task(one)
    world.report(first[0])
    assert owner_of(world, world.running()) == one


def test_promise_13_nine_users_with_one_task_start_before_the_second_one_of_a_user_with_many(world: World) -> None:
    flood, others = world.user(), [world.user() for _ in range(9)]
    for _ in range(20):
        world.task(flood)
    for user in others:
        world.task(user)
    world.node(slots=1)
    started = []
    for _ in range(11):
        attempt = world.running()
        started.append(owner_of(world, attempt))
        world.report(attempt)
    assert started.count(flood) == 2
    assert Counter(started[: started.index(flood, started.index(flood) + 1)]) == Counter([flood, *others])


def test_a_claim_charges_what_is_expected_and_the_end_what_it_took(world: World) -> None:
    user = world.user()
    world.task(user, frames=5000)
    world.node()
    attempt = world.running()
    estimate = world.attempt(attempt).estimate_s
    assert estimate == pytest.approx(100.2)
    assert use_of(world, user) == pytest.approx(estimate, rel=1e-3)
    world.set(Attempts, attempt, started_at=world.database.clock() - 7)
    world.report(attempt)
    assert use_of(world, user) == pytest.approx(7, abs=1.5)


@pytest.mark.parametrize("end", ["busy", "released", "lost"])
def test_what_never_ran_costs_nothing(small_world: World, end: str) -> None:
    world, user = small_world, small_world.user()
    world.task(user, frames=5000)
    world.node()
    attempt = world.offered()
    if end == "busy":
        world.run(lambda work: dispatching.busy(work, RULES, attempt))
    elif end == "released":
        world.accept(attempt)
        world.say(attempt, "released")
    else:
        world.run(lambda work: controls.cancel(work, RULES, user, world.attempt(attempt).task_id))
        world.say(attempt, "cancelled")
    assert use_of(world, user) < 2


def test_charges_of_replicas_add_up(world: World) -> None:
    user = world.user()
    for _ in range(5):
        world.run(lambda work: charging.charge(work, user, 10.0))
    assert use_of(world, user) == pytest.approx(50, rel=1e-2)


def test_no_user_holds_more_than_half_of_the_slots_while_another_waits(world: World) -> None:
    fresh, heavy = world.user(), world.user()
    world.run(lambda work: charging.charge(work, heavy, 1e6))
    for _ in range(6):
        world.task(fresh)
    world.task(heavy)
    world.node(slots=4)
    owners = [owner_of(world, world.running()) for _ in range(4)]
    assert owners == [fresh, fresh, heavy, fresh]


@pytest.mark.parametrize("stuck", [25, 200])
def test_steps_that_no_free_node_may_take_do_not_block_those_behind_them(small_world: World, stuck: int) -> None:
    world, user = small_world, small_world.user()
    node = world.node(slots=2)
    world.node(models=["portrait"])
    task_id = world.task(user)
    world.running()
    for _ in range(stuck):
        world.add_step(task_id)
    for step in world.steps(task_id):
        if step.state == S.PENDING:
            refuse(world, step, node)
    other = world.task(user)
    offer = world.claim()
    assert offer is not None
    assert offer.task.id == other


def refuse(world: World, step: Steps, node: str) -> None:
    """A node said that it cannot do a step."""
    row: dict[str, Any] = {
        "id": new_id(),
        "step_id": step.id,
        "task_id": step.task_id,
        "interface_id": node,
        "state": "rejected",
    }
    row |= {"lane": "push", "error": {"code": "no"}, "lease_until": 0.0, "progress_at": 0.0, "offered_at": 2.0**33}
    world.run(lambda work: attempts.add(work, row))
    world.set(Steps, step.id, tries=1)


def test_steps_that_must_run_alone_do_not_block_those_behind_them(world: World) -> None:
    user = world.user()
    busy = world.task(user)
    world.node(slots=2)
    world.running()
    task_id = world.task(user)
    for _ in range(30):
        world.add_step(task_id)
    for step in world.steps(task_id):
        world.set(Steps, step.id, losses=ALONE_AFTER_LOSSES)
    other = world.task(user)
    offer = world.claim()
    assert offer is not None
    assert offer.task.id == other
    assert busy != other


def test_a_model_that_nobody_has_is_out_of_the_way(world: World) -> None:
    user = world.user()
    for _ in range(3):
        world.set(Steps, world.step(world.task(user, priority=9)).id, model="nobodys")
    mine = world.task(user)
    world.node()
    offer = world.claim()
    assert offer is not None
    assert offer.task.id == mine


def test_an_empty_head_is_forgotten_and_comes_back_with_the_next_step(world: World) -> None:
    user = world.user()
    world.task(user)
    world.node(slots=3)
    world.running()
    assert world.claim() is None
    assert world.database.look(lambda work: waits.heads(work, "selfie", None, 9)) == []
    world.task(user)
    assert world.claim() is not None
    assert world.database.look(unsound) == []


def test_a_step_is_left_to_a_busy_node_that_will_finish_it_sooner(world: World) -> None:
    user = world.user()
    slow, fast = world.node(slots=1), world.node(slots=1)
    world.run(lambda work: fleet.learn_speed(work, slow, "selfie", 0, 1.0))
    world.run(lambda work: fleet.learn_speed(work, fast, "selfie", 0, 100.0))
    world.task(user, frames=1000)
    world.task(user, frames=1000)
    first = world.running()
    assert world.attempt(first).interface_id == fast
    assert world.claim() is None
    world.set(Attempts, first, progress_at=world.database.clock() - 2000)
    offer = world.claim()
    assert offer is not None
    assert offer.interface.id == slow


def test_speed_is_measured_from_the_first_frames_and_for_each_size(world: World) -> None:
    task_id = world.task(frames=240)
    node = world.node()
    attempt = world.running()
    world.set(Steps, world.step(task_id).id, size_class=3)
    now = world.database.clock()
    world.upload(attempt)
    world.set(Attempts, attempt, started_at=now - 100, process_at=now - 10)
    world.report(attempt)
    world.verify(attempt)
    [speed] = world.database.look(lambda work: fleet.speeds_of(work, "selfie"))
    assert (speed.interface_id, speed.size_class) == (node, 3)
    assert speed.fps == pytest.approx(24, rel=0.2)


def joining(world: World, *nodes: str) -> str:
    """A task of two segments that were made on these nodes, waiting to be joined; its id."""
    task_id = world.task(world.user())
    world.add_step(task_id)
    for node in nodes:
        for other in set(world.database.look(lambda work: [row.id for row in fleet.ready(work)])) - {node}:
            world.set(Interfaces, other, unreachable=True)
        attempt = world.running()
        world.report(attempt, size=50_000_000)
        world.verify(attempt)
        for row in world.database.look(fleet.ready):
            world.set(Interfaces, row.id, unreachable=False)
    return task_id


def test_assemble_goes_before_everything_beside_full_slots_to_the_node_that_has_the_parts(world: World) -> None:
    one, other = world.node(slots=1), world.node(slots=1)
    joined = joining(world, other, other)
    urgent = [world.task(world.user(klass=5)) for _ in range(2)]
    offer, beside = world.claim(), world.claim()
    assert offer is not None
    assert beside is not None
    assert (offer.task.id, offer.interface.id, offer.attempt.light) == (joined, other, True)
    assert beside.task.id in urgent
    assert not beside.attempt.light
    assert one != other
    assert world.database.look(unsound) == []


def test_a_node_whose_slots_are_all_taken_joins_and_has_one_light_slot(world: World) -> None:
    node = world.node(slots=1)
    joining(world, node, node)
    world.task()
    first, beside = world.claim(), world.claim()
    assert first is not None
    assert beside is not None
    assert (first.attempt.light, beside.attempt.light) == (True, False)
    assert world.accept(beside.attempt.id)
    world.report(beside.attempt.id)
    joining(world, node, node)
    assert world.claim() is None
    assert world.accept(first.attempt.id)
    world.report(first.attempt.id)
    second = world.claim()
    assert second is not None
    assert second.attempt.light


def test_a_polling_node_with_room_for_a_light_step_only_gets_nothing_else(world: World) -> None:
    node = world.node(slots=2)
    joining(world, node, node)
    world.task()
    world.set(Interfaces, node, lane="pull")
    chosen = world.run(lambda work: choosing.choose(work, candidates.look(work, Polls(light={node}))))
    assert chosen is not None
    offer = world.run(lambda work: dispatching.take(work, RULES, chosen)).offer
    assert offer is not None
    assert offer.attempt.light
    assert world.run(lambda work: choosing.choose(work, candidates.look(work, Polls(light={node})))) is None


def test_a_step_waits_a_moment_for_a_node_between_two_polls_rather_than_go_where_it_failed(world: World) -> None:
    task = world.task()
    tried, other = (world.node(lane="pull") for _ in range(2))
    offer = world.claim([tried])
    assert offer is not None
    world.accept(offer.attempt.id)
    world.fail(offer.attempt.id)
    world.set(Steps, world.step(task).id, not_before=0.0)

    def chosen(polls: Polls) -> str | None:
        found = world.run(lambda work: choosing.choose(work, candidates.look(work, polls)))
        return found.interface_id if found is not None else None

    assert chosen(Polls({tried}, soon={other})) is None
    assert chosen(Polls({tried, other})) == other
    assert chosen(Polls({tried})) == tried


def test_a_suspect_task_runs_one_step_at_a_time_and_blocks_nobody(world: World) -> None:
    user = world.user()
    suspect = world.task(user)
    world.add_step(suspect)
    world.set(Tasks, suspect, suspect=True)
    other = world.task(user)
    world.node(slots=4)
    assert [world.get(world.attempt(world.running()).task_id).id for _ in range(2)] == [suspect, other]
    assert world.claim() is None
