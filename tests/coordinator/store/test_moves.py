"""Guarded moves under real concurrency: as many threads with connections of their own, one winner."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from coordinator.domain.lifecycle import ATTEMPT_MOVES, AttemptVerb
from coordinator.ids import new_id
from coordinator.store import attempts, steps, tasks
from coordinator.store.tables import Attempts, Steps
from coordinator.store.work import Work
from protocol.states import AttemptState, StepState, TaskState
from tests.coordinator.world import World

RACERS = 6
PATIENCE_S = 30


def race(world: World, move: Callable[[Work, int], bool]) -> int:
    """All at once; how many won."""
    start = threading.Barrier(RACERS)

    def run(racer: int) -> bool:
        start.wait(PATIENCE_S)
        return world.database.run(lambda work: move(work, racer))[0]

    with ThreadPoolExecutor(RACERS) as threads:
        return sum(threads.map(run, range(RACERS)))


def test_one_of_many_takes_a_step(world: World) -> None:
    step_id = world.step(world.task()).id
    assert race(world, lambda work, racer: steps.take(work, step_id)) == 1


def test_one_of_many_wins_a_step_and_its_name_stays(world: World) -> None:
    task_id = world.task()
    step_id = world.step(task_id).id
    world.run(lambda work: steps.take(work, step_id))
    assert race(world, lambda work, racer: steps.win(work, step_id, f"racer{racer}")) == 1
    winner = world.step(task_id).winner
    assert winner is not None
    assert not world.run(lambda work: steps.win(work, step_id, "late"))
    assert (world.step(task_id).winner, world.step(task_id).state) == (winner, StepState.DONE)


def test_one_of_many_moves_a_task(world: World) -> None:
    task_id = world.task()
    assert race(world, lambda work, racer: tasks.move(work, task_id, {TaskState.WAITING}, TaskState.PAUSED)) == 1


def test_one_of_two_different_ends_of_an_attempt_counts(world: World) -> None:
    world.task()
    world.node()
    attempt_id = world.running()
    verbs = [AttemptVerb.LOSE, AttemptVerb.FAIL, AttemptVerb.RELEASE] * 2
    assert race(world, lambda work, racer: attempts.move(work, attempt_id, verbs[racer])) == 1
    assert world.attempt(attempt_id).state in {ATTEMPT_MOVES[verb].target for verb in verbs}


@pytest.mark.parametrize("verb", AttemptVerb)
def test_every_cell_of_the_attempt_table_is_what_the_database_does(world: World, verb: AttemptVerb) -> None:
    world.task()
    world.node()
    attempt_id = world.running()
    for state in AttemptState:
        world.set(Attempts, attempt_id, state=str(state))
        allowed = state in ATTEMPT_MOVES[verb].sources
        assert world.run(lambda work: attempts.move(work, attempt_id, verb)) is allowed
        assert world.attempt(attempt_id).state == (ATTEMPT_MOVES[verb].target if allowed else state)


def test_every_cell_of_the_step_table_is_what_the_database_does(world: World) -> None:
    task_id = world.task()
    step_id = world.step(task_id).id
    moves: dict[str, tuple[set[StepState], StepState, Callable[[Work], bool]]] = {
        "take": ({StepState.PENDING}, StepState.RUNNING, lambda work: steps.take(work, step_id)),
        "put_back": ({StepState.RUNNING}, StepState.PENDING, lambda work: steps.put_back(work, step_id, 0.0)),
        "win": ({StepState.RUNNING}, StepState.DONE, lambda work: steps.win(work, step_id, "a")),
        "kill": ({StepState.PENDING, StepState.RUNNING}, StepState.DEAD, lambda work: steps.kill(work, step_id)),
    }
    for sources, target, move in moves.values():
        for state in StepState:
            world.set(Steps, step_id, state=str(state), winner=None)
            assert world.run(move) is (state in sources)
            assert world.step(task_id).state == (target if state in sources else state)


def test_a_locked_task_makes_the_next_one_wait_for_the_commit(world: World) -> None:
    task_id = world.task()
    before = world.get(task_id).version

    def unit(work: Work, racer: int) -> bool:
        task = tasks.lock(work, task_id)
        assert task is not None
        tasks.change(work, task_id, frames_done=task.frames_done + 1)
        return True

    assert race(world, unit) == RACERS
    after = world.get(task_id)
    assert (after.version, after.frames_done) == (before + RACERS, RACERS)


def test_progress_never_falls_and_frames_may(world: World) -> None:
    task_id = world.task()
    world.run(lambda work: tasks.raise_progress(work, task_id, 12, 49.5))
    world.run(lambda work: tasks.raise_progress(work, task_id, 3, 12.4))
    assert (world.get(task_id).frames_done, world.get(task_id).progress) == (3, 49.5)


def test_a_move_of_what_does_not_exist_is_refused(world: World) -> None:
    nobody = new_id()
    assert not world.run(lambda work: tasks.move(work, nobody, set(TaskState), TaskState.IDLE))
    assert not world.run(lambda work: steps.take(work, nobody))
    assert world.run(lambda work: tasks.lock(work, nobody)) is None
