"""What people see of a task of several segments: seconds, nodes, speeds, and what can be played already."""

import pytest

from coordinator.domain.news import PartUnwanted
from coordinator.errors import NotFound
from coordinator.services import controls, looking
from coordinator.services.looking import Made, StepPicture
from coordinator.store import artifacts, media
from coordinator.store.tables import Interfaces, Steps
from protocol.base import AttemptId, TaskId
from tests.coordinator.world import RULES, World


def pictures(world: World, task_id: str) -> list[StepPicture]:
    return world.database.look(lambda work: looking.step_pictures(work, world.get(task_id)))


def part(world: World, task_id: str, step_id: str, output: str = "composite") -> Made:
    return world.database.look(lambda work: looking.part(work, task_id, step_id, output))


def has_files(world: World, attempt_id: str) -> bool:
    return bool(world.database.look(lambda work: artifacts.of_attempt(work, attempt_id)))


def spans(world: World, task_id: str) -> list[tuple[float | None, float | None]]:
    return [(picture.start, picture.end) for picture in pictures(world, task_id)]


def test_steps_lie_on_the_videos_own_clock(world: World) -> None:
    task_id = world.segments(3)
    assert spans(world, task_id) == [(0.0, 1.0), (1.0, 2.0), (2.0, 1.0)]  # the source says that it lasts a second
    source = world.get(task_id).source_id or ""
    world.run(lambda work: media.remove(work, source))
    assert spans(world, task_id) == [(0.0, 1.0), (1.0, 2.0), (2.0, 71 / 24)]


def test_a_step_shows_the_node_that_holds_or_won_it_and_what_it_made(world: World) -> None:
    task_id = world.segments(2, outputs=("mask", "composite"))
    world.node(slots=1, name="gpu-a")
    winner = world.done()
    world.set(Interfaces, world.attempt(winner).interface_id, online=False)
    world.node(slots=1, name="gpu-b")
    running = world.running()
    world.say(running, "progress", frames_done=6, fps=3.0)
    done, live = pictures(world, task_id)
    assert [done.node, live.node] == ["gpu-a", "gpu-b"]
    assert done.made is not None
    assert (done.made.attempt_id, done.made.output) == (winner, "composite")
    assert live.made is None
    assert live.attempt is not None
    assert live.attempt.frames_done == 6


def test_a_mask_is_shown_where_there_is_no_composite_and_nothing_once_it_is_gone(world: World) -> None:
    task_id = world.segments(2, outputs=("mask",))
    world.node()
    winner = world.done()
    step_id = world.attempt(winner).step_id
    (first, _) = pictures(world, task_id)
    assert first.made is not None
    assert first.made.output == "mask"
    found = part(world, task_id, step_id, "mask")
    assert (found.made.attempt_id, found.task.id, found.step.id) == (winner, task_id, step_id)
    world.run(lambda work: artifacts.forget_attempt(work, winner))
    assert pictures(world, task_id)[0].made is None
    with pytest.raises(NotFound):
        part(world, task_id, step_id, "mask")


def test_a_part_is_found_by_its_own_task_only_and_once_it_is_finished(world: World) -> None:
    first, second = world.segments(2), world.segments(2)
    world.node()
    world.done()
    done = next(row for row in world.steps(first) if row.winner)
    pending = next(row for row in world.steps(first) if not row.winner)
    for task_id, step_id in ((second, done.id), (first, pending.id), (first, "nothing"), ("nothing", done.id)):
        with pytest.raises(NotFound):
            part(world, task_id, step_id)


def test_the_speed_of_a_task_is_that_of_all_its_nodes_and_its_stage_that_of_a_running_one(world: World) -> None:
    task_id = world.segments(3)
    world.node(slots=3)
    first, second, third = world.running(), world.running(), world.running()
    world.say(first, "progress", fps=10.0, frames_done=12, stage="process")
    world.say(second, "progress", fps=5.0, frames_done=6, stage="process")
    world.report(third)
    seen = world.database.look(lambda work: looking.one(work, world.get(task_id)))
    assert (seen.fps, seen.stage) == (15.0, "process")
    assert len(seen.nodes) == 1
    world.report(first, 2)
    world.report(second, 2)
    assert world.database.look(lambda work: looking.one(work, world.get(task_id))).stage == "verify"


def test_what_an_attempt_sent_up_goes_when_it_ends_without_winning(world: World) -> None:
    user = world.user()
    task_id = world.task(user)
    world.node(slots=1)
    for how in ("released", "failed", "refuted", "stopped"):
        attempt_id = world.running()
        world.upload(attempt_id)
        if how == "refuted":
            world.report(attempt_id)
            assert world.refute(attempt_id)
        elif how == "stopped":
            world.run(lambda work: controls.pause(work, user, task_id))
            assert has_files(world, attempt_id)
            world.say(attempt_id, "cancelled")
        elif how == "failed":
            world.fail(attempt_id)
        else:
            world.say(attempt_id, how)
        assert not has_files(world, attempt_id)
        assert unwanted(world, attempt_id) in world.news()
        world.set(Steps, world.step(task_id).id, not_before=0.0, failures=0)
    world.run(lambda work: controls.resume(work, RULES, user, task_id))
    winner = world.done()
    assert unwanted(world, winner) not in world.news()
    assert has_files(world, winner)


def unwanted(world: World, attempt_id: str) -> PartUnwanted:
    row = world.attempt(attempt_id)
    return PartUnwanted(TaskId(row.task_id), row.step_id, AttemptId(attempt_id))
