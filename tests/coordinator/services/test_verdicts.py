"""What the verdicts about attempts mean for steps and tasks, on SQLite, PostgreSQL and MariaDB."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from coordinator.ids import new_id
from coordinator.services import controls, leases, outcomes, settling
from coordinator.store import attempts, steps, tasks
from coordinator.store.schema import table
from coordinator.store.tables import Attempts, Steps, Tasks
from coordinator.store.work import Work
from protocol.states import AttemptState as A
from protocol.states import StepState as S
from protocol.states import TaskState as T
from tests.coordinator.soundness import unsound
from tests.coordinator.world import RULES, SHA, World

OVERLAP_S = 0.5


def test_a_refuted_result_is_a_failure_of_the_node_and_the_step_waits(world: World) -> None:
    task_id = world.task()
    world.node()
    attempt_id = world.reported()
    assert world.refute(attempt_id)
    attempt, step = world.attempt(attempt_id), world.step(task_id)
    assert attempt.error is not None
    assert (attempt.state, attempt.error["error_class"]) == (A.FAILED, "node")
    assert (step.state, step.failures, step.winner) == (S.PENDING, 1, None)
    assert (world.state(task_id), world.get(task_id).frames_done) == (T.WAITING, 0)
    assert not world.refute(attempt_id)
    assert not world.verify(attempt_id)
    assert world.database.look(unsound) == []


def test_a_verdict_that_comes_twice_counts_once(world: World) -> None:
    task_id = world.task()
    world.node()
    attempt_id = world.done()
    assert not world.verify(attempt_id)
    assert not world.refute(attempt_id)
    assert (world.state(task_id), world.step(task_id).winner) == (T.COMPLETED, attempt_id)


def second_attempt(world: World, first: str, node: str) -> str:
    """A racer on the same step, reported as well."""
    key = new_id()
    names = table(Attempts).c.keys()
    row = {name: getattr(world.attempt(first), name) for name in names} | {"id": key, "interface_id": node}
    world.run(lambda work: attempts.add(work, row))
    return key


def test_of_two_attempts_on_a_step_the_first_verified_wins_and_the_other_is_outrun(world: World) -> None:
    task_id = world.task()
    world.node()
    first = world.reported()
    racer = second_attempt(world, first, world.node())
    world.set(Attempts, racer, state="running")
    late = second_attempt(world, racer, world.node())
    world.set(Attempts, late, state="reported")
    assert world.verify(first)
    assert world.attempt(racer).state == A.STOPPING
    assert not world.verify(late)
    assert world.attempt(late).state == A.CANCELLED
    assert (world.step(task_id).winner, world.step(task_id).failures) == (first, 0)


def test_two_segments_with_different_parameter_sets_are_not_joined(world: World) -> None:
    task_id = world.task()
    world.add_step(task_id)
    world.node()
    first, second = world.reported(), world.reported()
    assert world.verify(first, "a" * 64)
    assert not world.verify(second, "b" * 64)
    refused = world.attempt(second)
    assert refused.error is not None
    assert (refused.state, refused.error["code"]) == (A.FAILED, "artifact_extradata")
    assert world.state(task_id) == T.WAITING


def test_two_replicas_that_finish_the_last_two_segments_at_once_add_one_step_that_joins_them(world: World) -> None:
    """The first has judged and not yet committed when the second begins: without the task's lock neither sees that both
    segments are done. A segment before them fixed the parameter sets, so that nothing else makes them wait."""
    task_id = world.segments(3)
    world.node()
    world.done()
    first, second = world.reported(), world.reported()
    judged, ended = threading.Event(), threading.Event()

    def slowly(work: Work) -> bool:
        agreed = outcomes.complete(work, RULES, first, {"composite": "video/mp4"}, SHA)
        judged.set()
        ended.wait(OVERLAP_S)
        return agreed

    def at_once() -> bool:
        assert judged.wait(20)
        agreed = world.verify(second)
        ended.set()
        return agreed

    with ThreadPoolExecutor(2) as threads:
        both = threads.submit(world.run, slowly), threads.submit(at_once)
        assert [one.result() for one in both] == [True, True]
    assert [row.kind for row in world.steps(task_id)] == [*["segment"] * 3, "assemble"]
    assert world.state(task_id) == T.WAITING
    world.done()
    assert world.state(task_id) == T.COMPLETED
    assert world.database.look(unsound) == []


def test_frames_done_is_the_truth_and_progress_never_falls(world: World) -> None:
    task_id = world.task()
    world.add_step(task_id)
    world.node()
    world.done()
    assert world.get(task_id).frames_done == 24
    second = world.running()
    world.say(second, "progress", frames_done=12)
    world.run(lambda work: _refresh(work, task_id))
    task = world.get(task_id)
    assert (task.frames_done, task.progress) == (36, 99 * 36 / 48)
    world.say(second, "released", 2)
    fallen = world.get(task_id)
    assert (fallen.frames_done, fallen.progress) == (24, task.progress)
    world.set(Steps, world.attempt(second).step_id, not_before=0.0)
    world.done()
    assert (world.get(task_id).frames_done, world.get(task_id).progress) == (48, 99)
    world.done()
    assert (world.get(task_id).frames_done, world.get(task_id).progress) == (48, 100)


def _refresh(work: Work, task_id: str) -> None:
    task = tasks.lock(work, task_id)
    assert task is not None
    settling.refresh_progress(work, task)


def test_frames_beyond_the_plan_are_not_counted(world: World) -> None:
    task_id = world.task()
    world.node()
    attempt_id = world.running()
    world.say(attempt_id, "progress", frames_done=10**9)
    world.run(lambda work: _refresh(work, task_id))
    task = world.get(task_id)
    assert (task.frames_done, task.progress) == (24, 99)


def fail_again(world: World, task_id: str, error_class: str = "node") -> str:
    world.set(Steps, world.step(task_id).id, not_before=0.0)
    attempt_id = world.running()
    world.fail(attempt_id, error_class)
    return attempt_id


def test_three_failures_give_the_task_up_with_the_last_message(world: World) -> None:
    task_id = world.task()
    world.node()
    for _ in range(3):
        assert world.state(task_id) == T.WAITING
        fail_again(world, task_id)
    task = world.get(task_id)
    assert task.error is not None
    assert (task.error["code"], task.error["detail"]) == ("broken", "It broke")
    assert task.error["params"] == {"kind": "segment", "step": 0, "failures": 3, "losses": 0}
    assert (task.state, world.step(task_id).state) == (T.FAILED, S.DEAD)
    assert world.database.look(unsound) == []


def test_an_error_of_the_file_counts_double(world: World) -> None:
    task_id = world.task()
    world.node()
    fail_again(world, task_id, "node")
    fail_again(world, task_id, "input")
    assert world.state(task_id) == T.WAITING
    second = world.task()
    world.set(Tasks, task_id, state="cancelled")
    fail_again(world, second, "input")
    fail_again(world, second, "input")
    assert world.state(second) == T.FAILED


def test_after_a_retry_the_old_blame_is_forgotten(world: World) -> None:
    user = world.user()
    task_id = world.task(user)
    world.node()
    fail_again(world, task_id, "input")
    fail_again(world, task_id, "input")
    world.run(lambda work: controls.retry(work, RULES, user, task_id))
    fail_again(world, task_id, "input")
    assert world.state(task_id) == T.WAITING


def test_twelve_losses_give_the_task_up_and_fewer_do_not(world: World) -> None:
    task_id = world.task()
    world.node()
    for number in range(12):
        assert world.state(task_id) == T.WAITING
        assert world.step(task_id).losses == number
        row = world.attempt(world.running())
        world.run(partial(leases.lose, rules=RULES, attempt=row))
    assert world.state(task_id) == T.FAILED


def test_a_failed_task_stops_its_other_attempts(world: World) -> None:
    task_id = world.task()
    second = world.add_step(task_id)
    world.node()
    doomed, other = world.running(), world.running()
    world.set(Steps, world.attempt(doomed).step_id, failures=2)
    world.fail(doomed)
    assert (world.state(task_id), world.attempt(other).state) == (T.FAILED, A.STOPPING)
    assert world.database.look(lambda work: steps.get(work, second)) is not None
    assert world.database.look(unsound) == []
