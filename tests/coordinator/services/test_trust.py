"""Strikes, quarantine, trials, suspects and full disks; on SQLite, PostgreSQL and MariaDB."""

from functools import partial

from sqlalchemy import update

from coordinator.services import controls, trust
from coordinator.store.schema import table
from coordinator.store.tables import Interfaces, Steps, Waits
from coordinator.store.work import Work
from protocol.states import Admission
from protocol.states import AttemptState as A
from protocol.states import StepState as S
from protocol.states import TaskState as T
from tests.coordinator.soundness import unsound
from tests.coordinator.world import RULES, World

PAST = 1.0


def offered_now(world: World) -> str | None:
    """The attempt that the queue gives away next, if need be when every wait before another try is over."""

    def unit(work: Work) -> None:
        work.execute(update(table(Steps)).values(not_before=0.0))
        work.execute(update(table(Waits)).values(ready_at=0.0))

    offer = world.claim()
    if offer is None:
        world.run(unit)
        offer = world.claim()
    return offer.attempt.id if offer is not None else None


def fails(world: World, error_class: str = "node") -> str:
    """The next offer is accepted and fails; its task."""
    attempt_id = offered_now(world)
    assert attempt_id is not None
    assert world.accept(attempt_id)
    world.fail(attempt_id, error_class)
    return world.attempt(attempt_id).task_id


def quarantined(world: World) -> str:
    """A node that failed three different steps."""
    node = world.node(slots=2)
    user = world.user()
    for _ in range(3):
        task_id = world.task(user)
        fails(world)
        world.run(partial(controls.cancel, rules=RULES, user_id=user, task_id=task_id))
    assert world.interface(node).admission == Admission.QUARANTINED
    return node


def test_three_different_steps_in_a_row_that_failed_quarantine_a_node(world: World) -> None:
    node = quarantined(world)
    row = world.interface(node)
    assert (row.strikes, row.quarantine_level) == (3, 1)
    now = world.database.look(lambda work: work.now)
    assert 50 < (row.quarantined_until or 0.0) - now < 61
    world.task()
    assert world.claim() is None
    assert world.database.look(unsound) == []


def test_a_verified_result_in_between_clears_the_record(world: World) -> None:
    node, user = world.node(slots=1), world.user()
    first = world.task(user)
    fails(world)
    fails(world)
    assert world.interface(node).strikes == 1
    attempt_id = offered_now(world)
    assert attempt_id is not None
    assert world.accept(attempt_id)
    world.report(attempt_id)
    assert world.verify(attempt_id)
    assert (world.state(first), world.interface(node).strikes) == (T.COMPLETED, 0)
    for number in (1, 2):
        world.task(user)
        fails(world)
        assert world.interface(node).strikes == number
    assert world.interface(node).admission == Admission.APPROVED


def test_input_and_unsupported_are_no_strikes(world: World) -> None:
    node, user = world.node(slots=1), world.user()
    for error_class in ("input", "unsupported", "input", "unsupported"):
        world.task(user)
        fails(world, error_class)
    assert (world.interface(node).strikes, world.interface(node).admission) == (0, Admission.APPROVED)


def test_bytes_that_are_not_as_promised_are_a_strike(world: World) -> None:
    node = world.node(slots=1)
    world.task()
    attempt_id = world.reported()
    assert world.refute(attempt_id)
    assert world.interface(node).strikes == 1


def test_a_quarantined_node_gets_one_real_step_when_its_time_has_come(world: World) -> None:
    node = quarantined(world)
    world.task()
    world.task()
    assert world.claim() is None
    world.set(Interfaces, node, quarantined_until=PAST)
    trial = world.running()
    assert world.attempt(trial).probation
    assert world.claim() is None
    world.report(trial)
    assert world.claim() is None
    assert world.verify(trial)
    row = world.interface(node)
    assert (row.admission, row.strikes, row.quarantine_level) == (Admission.APPROVED, 0, 0)
    assert not world.attempt(world.offered()).probation


def test_a_failed_trial_costs_the_node_and_not_the_step(world: World) -> None:
    node = quarantined(world)
    task_id = world.task()
    for level in (2, 3):
        world.set(Interfaces, node, quarantined_until=PAST)
        trial = world.running()
        world.fail(trial)
        assert (world.attempt(trial).state, world.attempt(trial).charge) == (A.FAILED, None)
        assert (world.step(task_id).state, world.step(task_id).failures) == (S.PENDING, 0)
        row = world.interface(node)
        now = world.database.look(lambda work: work.now)
        assert row.quarantine_level == level
        assert (row.quarantined_until or 0.0) - now > 60 * (2 ** (level - 1)) - 10


def test_a_trial_that_blames_the_file_proves_nothing_and_comes_again(world: World) -> None:
    node = quarantined(world)
    task_id = world.task()
    world.set(Interfaces, node, quarantined_until=PAST)
    world.fail(world.running(), "input")
    row = world.interface(node)
    assert (row.admission, row.quarantine_level, world.step(task_id).failures) == (Admission.QUARANTINED, 1, 0)
    assert world.claim() is None


def test_a_trial_that_is_paused_is_offered_again_at_once(world: World) -> None:
    node, user = quarantined(world), world.user()
    task_id = world.task(user)
    world.set(Interfaces, node, quarantined_until=PAST)
    trial = world.running()
    world.run(lambda work: controls.pause(work, user, task_id))
    world.say(trial, "cancelled")
    world.task(user)
    assert world.attempt(world.offered()).probation


def poisoned(world: World) -> tuple[str, list[str], str]:
    """A task whose first steps failed on one node and then on another: the nodes, and the task."""
    user = world.user()
    task_id = world.task(user)
    for _ in range(4):
        world.add_step(task_id)
    first = world.node(slots=1)
    for _ in range(3):
        fails(world, "internal")
    assert world.interface(first).admission == Admission.QUARANTINED
    second = world.node(slots=1)
    fails(world, "internal")
    return task_id, [first, second], user


def test_a_task_that_fails_on_two_nodes_is_the_suspect_and_the_nodes_are_not(world: World) -> None:
    task_id, nodes, _ = poisoned(world)
    assert world.get(task_id).suspect
    assert [(world.interface(node).admission, world.interface(node).strikes) for node in nodes] == [
        (Admission.APPROVED, 0)
    ] * 2
    assert {a.strike for a in world.attempts(task_id) if a.state == A.FAILED} == {"struck"}
    assert world.database.look(unsound) == []


def test_a_suspect_runs_one_step_at_a_time_until_one_succeeds(world: World) -> None:
    task_id, _, user = poisoned(world)
    only = offered_now(world)
    assert only is not None
    assert world.attempt(only).task_id == task_id
    assert offered_now(world) is None
    other = world.task(user)
    beside = offered_now(world)
    assert beside is not None
    assert world.attempt(beside).task_id == other
    assert world.accept(only)
    world.report(only)
    assert world.verify(only)
    assert not world.get(task_id).suspect
    assert offered_now(world) is not None


def test_failures_of_a_suspect_are_nobodys_strikes_and_it_fails_by_its_own_bound(world: World) -> None:
    task_id, nodes, user = poisoned(world)
    while world.state(task_id) != T.FAILED:
        assert fails(world, "internal") == task_id
    assert [world.interface(node).admission for node in nodes] == [Admission.APPROVED] * 2
    assert world.database.look(unsound) == []
    world.run(partial(controls.reset, user_id=user, task_id=task_id))
    assert not world.get(task_id).suspect


def test_a_step_that_another_node_did_speaks_against_the_one_that_failed_it(world: World) -> None:
    user = world.user()
    bad = world.node(slots=1)
    tasks = [world.task(user), world.task(user)]
    for _ in tasks:
        fails(world)
    good = world.node(slots=1)
    for _ in tasks:
        attempt_id = offered_now(world)
        assert attempt_id is not None
        assert world.attempt(attempt_id).interface_id == good
        assert world.accept(attempt_id)
        world.report(attempt_id)
        assert world.verify(attempt_id)
    assert {a.strike for key in tasks for a in world.attempts(key) if a.interface_id == bad} == {"proved"}
    assert (world.interface(bad).strikes, world.interface(good).strikes) == (2, 0)


def test_a_full_disk_costs_nobody_anything_and_the_node_waits_for_room(world: World) -> None:
    node = world.node(slots=1, disk_free_mb=1000)
    task_id = world.task()
    attempt_id = world.running()
    error = {"code": "disk_full", "detail": "No room", "error_class": "resources"}
    world.say(attempt_id, "failed", error=error)
    row = world.interface(node)
    assert (row.admission, row.strikes, row.disk_free_mb) == (Admission.APPROVED, 0, 0)
    assert (world.attempt(attempt_id).charge, world.step(task_id).failures) == (None, 0)
    world.set(Interfaces, node, rest_until=0.0)
    assert world.claim() is None
    world.set(Interfaces, node, disk_free_mb=1100)
    assert world.claim() is None
    other = world.task()
    assert world.attempt(world.offered()).task_id == other
    world.node(slots=1, disk_free_mb=1250)
    assert world.attempt(world.offered()).task_id == task_id


def test_who_hands_back_again_and_again_is_asked_more_slowly_and_pays_nothing(world: World) -> None:
    node = world.node(slots=1)
    task_id = world.task()
    world.say(world.running(), "released")
    assert world.interface(node).rest_until == 0.0
    world.say(world.running(), "released")
    now = world.database.look(lambda work: work.now)
    assert now < world.interface(node).rest_until < now + 2
    assert world.claim() is None
    other = world.node(slots=1)
    attempt_id = world.offered()
    assert world.attempt(attempt_id).interface_id == other
    assert (world.step(task_id).failures, world.step(task_id).losses) == (0, 0)


def test_two_nodes_that_blame_the_file_end_the_task_and_one_twice_only_when_it_is_alone(world: World) -> None:
    user = world.user()
    world.node(slots=1)
    alone = world.task(user)
    assert [fails(world, "input"), fails(world, "input")] == [alone, alone]
    assert (world.state(alone), world.step(alone).failures) == (T.FAILED, 2)
    both = world.task(user)
    fails(world, "input")
    second = world.node(slots=1)
    assert world.state(both) == T.WAITING
    fails(world, "input")
    assert world.state(both) == T.FAILED
    assert {a.interface_id for a in world.attempts(both)} >= {second}
    assert len({a.interface_id for a in world.attempts(both)}) == 2


def test_judgement_needs_no_node_that_is_still_there(small_world: World) -> None:
    small_world.run(lambda work: trust.distrust(work, "nobody", "three failures"))
    small_world.run(lambda work: trust.readmit(work, "nobody"))
    assert small_world.news() == []
