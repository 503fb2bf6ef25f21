"""Several segments become one file: when they are joined, from what, and what a retry does again."""

import pytest

from coordinator.errors import Gone, NotFound
from coordinator.gateway.attempt_tokens import AttemptTokens
from coordinator.services import controls, dispatching, node_files, settling
from coordinator.services.assignments import assignment
from coordinator.store import artifacts, media, steps, tasks
from coordinator.store.tables import Artifacts, Steps, Tasks
from coordinator.store.work import Work
from protocol.states import AttemptState as A
from protocol.states import Output, StepKind
from protocol.states import StepState as S
from protocol.states import TaskState as T
from protocol.work import FrameRange
from tests.coordinator.soundness import unsound
from tests.coordinator.world import RULES, SHA, World

TOKENS = AttemptTokens("a secret of tests")


def assemble_of(world: World, task_id: str) -> Steps | None:
    return next((row for row in world.steps(task_id) if row.kind == StepKind.ASSEMBLE), None)


def joined(world: World, task_id: str) -> Steps:
    found = assemble_of(world, task_id)
    assert found is not None
    return found


def part(world: World, attempt_id: str, step_id: str, output: str = "composite") -> Artifacts:
    return world.database.look(lambda work: node_files.part(work, attempt_id, step_id, output))


def forget(world: World, attempt_id: str | None) -> None:
    """The janitor comes for what an attempt made."""
    world.run(lambda work: artifacts.forget_attempt(work, attempt_id or ""))


def settle(work: Work, task_id: str) -> None:
    task = tasks.lock(work, task_id)
    assert task is not None
    settling.settle(work, RULES, task)


def test_the_last_segment_adds_the_step_that_joins_and_the_task_waits_for_it(world: World) -> None:
    task_id = world.segments(3)
    world.node()
    world.done()
    world.done()
    assert assemble_of(world, task_id) is None
    world.done()
    row = joined(world, task_id)
    assert row.plan is not None
    assert (row.state, row.ord, row.frames, row.queue_rank) == (S.PENDING, 0, 0, steps.ASSEMBLE_RANK)
    plan = FrameRange.model_validate(row.plan)
    assert (plan.start_pts, plan.end_pts, plan.frames, plan.first_pts, plan.last_pts) == (None, None, 72, 0, 71)
    task = world.get(task_id)
    assert (task.state, task.frames_done, task.progress, task.finished_at) == (T.WAITING, 72, 99.0, None)
    assert world.database.look(lambda work: artifacts.results(work, [task_id])) == []
    world.run(lambda work: settle(work, task_id))
    assert len(world.steps(task_id)) == 4
    winner = world.done()
    done = world.get(task_id)
    assert (done.state, done.frames_done, done.progress) == (T.COMPLETED, 72, 100)
    results = world.database.look(lambda work: artifacts.results(work, [task_id]))
    assert [(found.attempt_id, found.step_id) for found in results] == [(winner, row.id)]
    assert world.database.look(unsound) == []


def test_a_task_of_one_segment_is_not_joined(small_world: World) -> None:
    task_id = small_world.task()
    small_world.node()
    small_world.done()
    assert (small_world.state(task_id), len(small_world.steps(task_id))) == (T.COMPLETED, 1)


def test_the_step_that_joins_names_every_output_of_every_winner_in_order(world: World) -> None:
    task_id = world.segments(3, outputs=("mask", "composite"))
    world.node(slots=3)
    attempts = [world.reported() for _ in range(3)]
    for attempt_id in reversed(attempts):
        assert world.verify(attempt_id)
    offer = world.claim()
    assert offer is not None
    document = assignment(offer, TOKENS, RULES)
    again = world.database.look(lambda work: dispatching.offer_of(work, offer.attempt.id))
    assert again is not None
    assert assignment(again, TOKENS, RULES) == document
    assert document.kind is StepKind.ASSEMBLE
    assert [part.output for part in document.parts] == [Output.MASK] * 3 + [Output.COMPOSITE] * 3
    assert [part.first_pts for part in document.parts] == [0, 24, 48] * 2
    assert [part.attempt_id for part in document.parts] == [row.winner for row in world.steps(task_id)[:3]] * 2
    for named in document.parts:
        assert (named.sha256, named.size, named.frames) == (SHA, 500, 24)
        assert named.url == f"/api/v1/interfaces/files/{offer.attempt.id}/parts/{named.step_id}/{named.output}"
        assert part(world, offer.attempt.id, named.step_id, named.output).attempt_id == named.attempt_id


def test_parts_open_to_the_step_that_joins_them_and_only_while_it_lives(world: World) -> None:
    user = world.user()
    first, other = world.segments(2, user), world.segments(2, user)
    world.node(slots=4)
    segment = world.running()
    step_id = world.attempt(segment).step_id
    assert world.report(segment) == "continue"
    assert world.verify(segment)
    sibling = world.running()
    with pytest.raises(NotFound):
        part(world, sibling, step_id)
    assert world.report(sibling) == "continue"
    assert world.verify(sibling)
    offer = world.claim()
    assert offer is not None
    assert offer.step.kind == StepKind.ASSEMBLE
    owner, foreign = (first, other) if offer.task.id == first else (other, first)
    joiner = offer.attempt.id
    assert part(world, joiner, step_id).task_id == owner
    for wrong, output in ((step_id, "mask"), (world.step(foreign).id, "composite"), (offer.step.id, "composite")):
        with pytest.raises(NotFound):
            part(world, joiner, wrong, output)
    world.run(lambda work: controls.cancel(work, RULES, user, owner))
    with pytest.raises(Gone):
        part(world, joiner, step_id)


def test_a_pause_at_the_last_segment_still_adds_the_step_and_holds_it_back(world: World) -> None:
    user = world.user()
    task_id = world.segments(2, user)
    world.node()
    world.done()
    last = world.reported()
    world.run(lambda work: controls.pause(work, user, task_id))
    assert world.verify(last)
    assert (world.state(task_id), joined(world, task_id).state) == (T.PAUSED, S.PENDING)
    assert world.claim() is None
    world.run(lambda work: controls.resume(work, RULES, user, task_id))
    world.done()
    assert world.state(task_id) == T.COMPLETED


def failed_at_the_end(world: World, user: str) -> str:
    """Both segments are done, the step that joins them is dead."""
    task_id = world.segments(2, user)
    world.node()
    world.done()
    world.done()
    world.set(Steps, joined(world, task_id).id, failures=2)
    world.fail(world.running())
    assert (world.state(task_id), joined(world, task_id).state) == (T.FAILED, S.DEAD)
    return task_id


def test_a_dead_join_is_tried_again_without_doing_the_segments_again(world: World) -> None:
    user = world.user()
    task_id = failed_at_the_end(world, user)
    winners = [row.winner for row in world.steps(task_id)[:2]]
    world.run(lambda work: controls.retry(work, RULES, user, task_id))
    row = joined(world, task_id)
    assert (row.state, row.failures, world.state(task_id)) == (S.PENDING, 0, T.WAITING)
    world.done()
    assert world.state(task_id) == T.COMPLETED
    assert [row.winner for row in world.steps(task_id)[:2]] == winners
    assert world.database.look(unsound) == []


def test_after_the_parts_expired_only_they_are_done_again_before_anything_is_joined(world: World) -> None:
    user = world.user()
    task_id = failed_at_the_end(world, user)
    kept, gone, _ = world.steps(task_id)
    forget(world, gone.winner)
    world.run(lambda work: controls.retry(work, RULES, user, task_id))
    assert [(row.kind, row.state) for row in world.steps(task_id)] == [("segment", S.DONE), ("segment", S.PENDING)]
    assert world.get(task_id).frames_done == 24
    redone = world.done()
    assert [row.winner for row in world.steps(task_id)] == [kept.winner, redone, None]
    world.done()
    assert world.state(task_id) == T.COMPLETED


def test_when_no_part_is_left_the_parameter_sets_are_free_again(world: World) -> None:
    user = world.user()
    task_id = failed_at_the_end(world, user)
    for row in world.steps(task_id)[:2]:
        forget(world, row.winner)
    world.run(lambda work: controls.retry(work, RULES, user, task_id))
    assert world.get(task_id).extradata_sha256 is None
    assert [row.state for row in world.steps(task_id)] == [S.PENDING, S.PENDING]


def test_a_cancelled_task_whose_file_was_joined_meanwhile_needs_no_part(world: World) -> None:
    user = world.user()
    task_id = world.segments(2, user)
    world.node()
    segments = [world.done(), world.done()]
    last = world.reported()
    world.run(lambda work: controls.cancel(work, RULES, user, task_id))
    assert world.verify(last)
    for attempt_id in segments:
        forget(world, attempt_id)
    world.run(lambda work: controls.retry(work, RULES, user, task_id))
    assert world.state(task_id) == T.COMPLETED


def test_segments_that_finish_after_the_cancel_are_joined_after_the_retry(world: World) -> None:
    user = world.user()
    task_id = world.segments(2, user)
    world.node()
    both = [world.reported(), world.reported()]
    world.run(lambda work: controls.cancel(work, RULES, user, task_id))
    assert all(world.verify(attempt_id) for attempt_id in both)
    assert (world.state(task_id), assemble_of(world, task_id)) == (T.CANCELLED, None)
    world.run(lambda work: controls.retry(work, RULES, user, task_id))
    assert (world.state(task_id), joined(world, task_id).state) == (T.WAITING, S.PENDING)


def test_a_reset_removes_every_step(world: World) -> None:
    user = world.user()
    task_id = failed_at_the_end(world, user)
    world.run(lambda work: controls.reset(work, user, task_id))
    assert (world.steps(task_id), world.state(task_id)) == ([], T.IDLE)


def test_a_cancel_stops_every_attempt_of_every_segment(world: World) -> None:
    user = world.user()
    task_id = world.segments(3, user)
    world.node(slots=3)
    running = [world.running() for _ in range(3)]
    world.run(lambda work: controls.cancel(work, RULES, user, task_id))
    assert {world.attempt(key).state for key in running} == {A.STOPPING}
    assert {row.state for row in world.steps(task_id)} == {S.PENDING}


def test_a_source_that_is_gone_before_the_join_fails_the_task_in_these_words(world: World) -> None:
    task_id = world.segments(2)
    world.node()
    world.done()
    world.done()
    source = world.get(task_id).source_id or ""
    world.run(lambda work: media.remove(work, source))
    assert world.claim() is None
    task = world.get(task_id)
    assert task.error is not None
    assert (task.state, task.error["code"], task.error["params"]["kind"]) == (T.FAILED, "source_gone", "assemble")
    assert world.database.look(unsound) == []


def test_the_step_that_joins_keeps_the_tasks_place_in_the_queue(small_world: World) -> None:
    task_id = small_world.segments(2)
    small_world.set(Tasks, task_id, priority=7, klass=2)
    small_world.node()
    small_world.done()
    small_world.done()
    row = joined(small_world, task_id)
    assert (row.lag, row.klass, row.model) == (-7, 2, "selfie")
