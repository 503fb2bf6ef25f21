"""Parts with other parameter sets than the first one: refused, unless that one stands alone; on three databases."""

from functools import partial

from coordinator.store import waits
from coordinator.store.tables import Interfaces, Steps
from protocol.states import AttemptState as A
from protocol.states import StepState as S
from protocol.states import TaskState as T
from tests.coordinator.soundness import every_node, unsound
from tests.coordinator.world import World

ODD, USUAL = "a" * 64, "b" * 64


def only(world: World, *nodes: str) -> None:
    """Nobody else is online."""
    for row in world.database.look(every_node):
        world.set(Interfaces, row.id, online=row.id in nodes)


def tried(world: World, task_id: str, node: str, extradata: str) -> str:
    """A node takes a step, sends a part with these parameter sets, and is judged; the attempt's id."""
    only(world, node)
    for row in world.steps(task_id):
        world.set(Steps, row.id, not_before=0.0)
        world.run(partial(waits.note, user_id=row.user_id, model=row.model, queue_rank=row.queue_rank, klass=row.klass))
    attempt_id = world.reported()
    world.verify(attempt_id, extradata)
    return attempt_id


def test_one_against_one_the_first_stands_and_its_own_node_finishes(world: World) -> None:
    task_id = world.segments(3)
    first, other = world.node(), world.node()
    tried(world, task_id, first, ODD)
    refused = world.attempt(tried(world, task_id, other, USUAL))
    assert refused.error is not None
    assert (refused.state, refused.error["code"], refused.error["extradata"]) == (A.FAILED, "artifact_extradata", USUAL)
    assert world.get(task_id).extradata_sha256 == ODD
    tried(world, task_id, first, ODD)
    tried(world, task_id, first, ODD)
    tried(world, task_id, first, ODD)
    assert world.state(task_id) == T.COMPLETED


def test_two_nodes_outvote_the_one_that_was_first_and_its_segment_is_done_again(world: World) -> None:
    task_id = world.segments(3)
    odd, second, third = world.node(), world.node(), world.node()
    stray = tried(world, task_id, odd, ODD)
    assert world.get(task_id).frames_done == 24
    assert world.attempt(tried(world, task_id, second, USUAL)).state == A.FAILED
    winner = tried(world, task_id, third, USUAL)
    assert world.attempt(winner).state == A.COMPLETED
    task = world.get(task_id)
    assert (task.extradata_sha256, task.frames_done, task.state) == (USUAL, 24, T.WAITING)
    again = next(row for row in world.steps(task_id) if row.id == world.attempt(stray).step_id)
    assert (again.state, again.winner, again.failures) == (S.PENDING, None, 0)
    assert world.attempt(tried(world, task_id, odd, ODD)).state == A.FAILED
    for _ in range(3):
        tried(world, task_id, second, USUAL)
    assert world.state(task_id) == T.COMPLETED
    assert {row.interface_id for row in world.attempts(task_id) if row.state == A.COMPLETED} == {odd, second, third}


def test_a_first_node_that_left_is_outvoted_before_the_step_is_given_up(world: World) -> None:
    task_id = world.segments(2)
    odd, only_one = world.node(), world.node()
    tried(world, task_id, odd, ODD)
    for _ in range(2):
        assert world.attempt(tried(world, task_id, only_one, USUAL)).state == A.FAILED
    assert world.attempt(tried(world, task_id, only_one, USUAL)).state == A.COMPLETED
    assert (world.state(task_id), world.get(task_id).extradata_sha256) == (T.WAITING, USUAL)
    for _ in range(2):
        tried(world, task_id, only_one, USUAL)
    assert world.state(task_id) == T.COMPLETED


def test_a_joined_file_outvotes_nobody(world: World) -> None:
    task_id = world.segments(2)
    first, second, third = world.node(), world.node(), world.node()
    tried(world, task_id, first, ODD)
    tried(world, task_id, first, ODD)
    for node in (second, third):
        assert world.attempt(tried(world, task_id, node, USUAL)).state == A.FAILED
    assert world.get(task_id).extradata_sha256 == ODD
    assert world.database.look(unsound) == []
