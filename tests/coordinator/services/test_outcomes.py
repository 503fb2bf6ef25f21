"""What nodes and the verifier say about an attempt, on SQLite, PostgreSQL and MariaDB."""

import pytest

from coordinator.domain.news import AttemptEnded, AttemptReported, QueueChanged
from coordinator.errors import Gone
from coordinator.services import controls, leases, outcomes
from coordinator.store import artifacts, events, fleet
from coordinator.store.schema import table
from coordinator.store.tables import Artifacts, Attempts
from protocol.base import AttemptId
from protocol.reports import Callback
from protocol.states import AttemptState as A
from protocol.states import StepState as S
from protocol.states import TaskState as T
from tests.coordinator.soundness import unsound
from tests.coordinator.world import RULES, SHA, World


def test_a_verified_result_completes_the_task(world: World) -> None:
    task_id = world.task()
    world.node()
    attempt_id = world.reported()
    assert AttemptReported(AttemptId(attempt_id)) in world.news()
    assert (world.attempt(attempt_id).state, world.state(task_id)) == (A.REPORTED, T.PROCESSING)
    assert world.verify(attempt_id)
    task, step = world.get(task_id), world.step(task_id)
    assert (task.state, task.progress, task.frames_done, task.frames_total) == (T.COMPLETED, 100, 24, 24)
    assert (step.state, step.winner, world.attempt(attempt_id).state) == (S.DONE, attempt_id, A.COMPLETED)
    assert task.extradata_sha256 == SHA
    assert None not in (task.started_at, task.finished_at, task.expires_at, task.parts_expire_at)
    result = world.database.look(lambda work: artifacts.result(work, task_id, "composite"))
    assert result is not None
    assert (result.attempt_id, result.size, result.sha256, result.content_type) == (attempt_id, 500, SHA, "video/mp4")
    assert world.database.look(unsound) == []
    log = [event.kind for event in world.database.look(lambda work: events.of_task(work, task_id, 0, 99))]
    assert log == ["created", "waiting", "attempt_started", "processing", "step_done", "completed"]


@pytest.mark.parametrize("kind", ["completed", "failed", "released"])
def test_a_repeat_of_a_terminal_callback_gets_its_answer_again_and_changes_nothing(world: World, kind: str) -> None:
    task_id = world.task()
    world.node()
    attempt_id = world.running()
    first = world.report(attempt_id) if kind == "completed" else world.say(attempt_id, kind, 5)
    before, step = tuple(world.attempt(attempt_id)), tuple(world.step(task_id))
    for other in ("completed", "failed", "released"):
        assert world.say(attempt_id, other, 9) == first
    assert (tuple(world.attempt(attempt_id)), tuple(world.step(task_id))) == (before, step)


def test_a_repeat_after_the_verdict_is_still_answered(world: World) -> None:
    world.task()
    world.node()
    attempt_id = world.done()
    assert world.report(attempt_id) == "continue"
    with pytest.raises(Gone):
        world.say(attempt_id, "progress", 9)


def test_progress_in_the_wrong_order_changes_nothing(world: World) -> None:
    task_id = world.task()
    world.node()
    attempt_id = world.running()
    world.say(attempt_id, "progress", 5, frames_done=10, fps=12.5)
    world.say(attempt_id, "progress", 4, frames_done=20)
    world.say(attempt_id, "progress", 5, frames_done=21)
    row = world.attempt(attempt_id)
    assert (row.seq, row.frames_done, row.fps) == (5, 10, 12.5)
    assert world.state(task_id) == T.PROCESSING


def test_progress_after_the_report_is_harmless(world: World) -> None:
    world.task()
    world.node()
    attempt_id = world.reported()
    assert world.say(attempt_id, "progress", 9, frames_done=1) == "continue"
    assert world.attempt(attempt_id).frames_done == 24


def test_only_movement_of_the_stages_own_counter_is_progress(world: World) -> None:
    world.task()
    world.node()
    attempt_id = world.running()
    for seq, (stage, done, moved) in enumerate(
        [("fetch", 10, True), ("fetch", 10, False), ("load", 0, True), ("load", 0, False), ("process", 1, True)], 1
    ):
        world.set(Attempts, attempt_id, progress_at=1.0, lease_until=1.0)
        world.say(attempt_id, "progress", seq, stage=stage, done=done)
        row = world.attempt(attempt_id)
        assert (row.progress_at > 1.0) is moved
        assert row.lease_until > 1.0


def test_a_stopping_attempt_is_told_so_until_it_has_stopped(world: World) -> None:
    user = world.user()
    task_id = world.task(user)
    world.node()
    attempt_id = world.running()
    world.run(lambda work: controls.pause(work, user, task_id))
    world.set(Attempts, attempt_id, lease_until=1.0)
    assert world.say(attempt_id, "progress", 2) == "cancel"
    assert world.attempt(attempt_id).lease_until > 1.0
    world.news()
    assert world.say(attempt_id, "cancelled", 3) == "cancel"
    assert world.attempt(attempt_id).state == A.CANCELLED
    assert {AttemptEnded(AttemptId(attempt_id)), QueueChanged()} <= set(world.news())
    assert world.say(attempt_id, "cancelled", 3) == "cancel"
    with pytest.raises(Gone):
        world.say(attempt_id, "progress", 4)


def test_a_result_that_comes_after_the_stop_is_not_taken(world: World) -> None:
    user = world.user()
    task_id = world.task(user)
    world.node()
    attempt_id = world.running()
    world.run(lambda work: controls.cancel(work, RULES, user, task_id))
    assert world.report(attempt_id) == "cancel"
    assert (world.attempt(attempt_id).state, world.step(task_id).state) == (A.CANCELLED, S.PENDING)
    assert not world.verify(attempt_id)


def test_nobody_else_speaks_for_an_attempt(world: World) -> None:
    world.task()
    world.node()
    attempt_id = world.running()
    with pytest.raises(Gone):
        world.say(attempt_id, "progress", sender=world.node())
    with pytest.raises(Gone):
        world.run(lambda work: outcomes.hear(work, RULES, "x", _unknown()))


def _unknown() -> Callback:
    said = {"attempt_id": "nobody", "boot_id": "b", "seq": 1, "kind": "progress"}
    return Callback.model_validate(said)


def lose(world: World, attempt_id: str) -> bool:
    """Its lease ends."""
    row = world.attempt(attempt_id)
    return world.run(lambda work: leases.lose(work, RULES, row))


@pytest.mark.parametrize("kind", ["progress", "completed", "failed"])
def test_an_attempt_that_was_lost_is_gone(world: World, kind: str) -> None:
    world.task()
    world.node()
    attempt_id = world.running()
    assert lose(world, attempt_id)
    with pytest.raises(Gone):
        world.say(attempt_id, kind)
    assert world.attempt(attempt_id).state == A.LOST


def test_released_work_is_offered_again_at_once_and_costs_nothing(world: World) -> None:
    task_id = world.task()
    world.node()
    attempt_id = world.running()
    assert world.say(attempt_id, "released") == "continue"
    step = world.step(task_id)
    assert (world.attempt(attempt_id).state, step.state, step.failures, step.losses) == (A.RELEASED, S.PENDING, 0, 0)
    assert world.state(task_id) == T.WAITING
    assert world.claim() is not None


@pytest.mark.parametrize("wrong", ["missing", "unfinished", "size", "extra"])
def test_a_report_that_does_not_match_the_uploaded_bytes_is_a_failure(world: World, wrong: str) -> None:
    task_id = world.task()
    world.node()
    attempt_id = world.running()
    made = [{"output": "composite", "sha256": SHA, "size": 500, "frames": 24}]
    if wrong != "missing":
        world.upload(attempt_id, 501 if wrong == "size" else 500)
    if wrong == "unfinished":
        rows = table(Artifacts)
        world.run(lambda work: work.execute(rows.update().values(completed_at=None)))
    if wrong == "extra":
        made.append(made[0] | {"output": "mask"})
    assert world.say(attempt_id, "completed", artifacts=made) == "continue"
    attempt, step = world.attempt(attempt_id), world.step(task_id)
    assert attempt.error is not None
    assert (attempt.state, attempt.error["code"], attempt.charge) == (A.FAILED, "artifact_mismatch", "failure")
    assert (step.state, step.failures) == (S.PENDING, 1)


def test_a_node_learns_its_speed_from_its_own_work(world: World) -> None:
    world.task()
    node = world.node()
    attempt_id = world.running()
    world.set(Attempts, attempt_id, started_at=world.attempt(attempt_id).offered_at - 2.0)
    world.report(attempt_id)
    world.verify(attempt_id)
    offered = world.database.look(lambda work: fleet.models_of(work, [node]))
    assert offered[0].measured_fps == pytest.approx(12, rel=0.5)


def test_a_nodes_words_lose_their_control_characters(world: World) -> None:
    task_id = world.task()
    world.node()
    attempt_id = world.running()
    error = {"code": "broken", "detail": "a\x1b[31mb\x00c\u202ed", "error_class": "node"}
    world.say(attempt_id, "failed", error=error)
    found = world.attempt(attempt_id).error
    assert found is not None
    assert found["detail"] == "a[31mbcd"
    assert world.state(task_id) == T.WAITING
