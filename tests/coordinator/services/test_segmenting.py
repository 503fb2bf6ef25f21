"""A long video becomes several steps, planned outside of the transaction that queues them."""

from functools import partial
from pathlib import Path

import pytest

from coordinator.domain.tasks import TaskCreate, TaskOptions
from coordinator.domain.timestamps import frame_times
from coordinator.gateway.files import Files
from coordinator.services import batching, controls, segmenting, submissions
from coordinator.services.segmenting import Unplanned
from coordinator.services.submissions import Submission
from coordinator.store import tasks
from coordinator.store.database import Database
from protocol.states import TaskState
from tests.coordinator.soundness import unsound
from tests.coordinator.world import GREEN, RULES, World

pytestmark = pytest.mark.anyio
FRAMES = 24 * 31
"""Half a minute and a second at the world's 24 frames a second."""


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Empty directories."""
    made = Files(tmp_path, tmp_path / "videos", tmp_path / "backgrounds", 0)
    made.prepare()
    return made


@pytest.fixture
def server(database: Database) -> World:
    """A world on the open database of each kind."""
    return World(database)


async def _video(world: World, files: Files, user: str) -> str:
    video_id = world.video(user, FRAMES)
    await files.store_times("video", video_id, frame_times(range(FRAMES), range(0, FRAMES, 24)))
    return video_id


def ranges(world: World, task_id: str) -> list[tuple[int | None, int | None, int]]:
    """The steps of a task as (start, end, frames)."""
    plans = [row.plan or {} for row in world.steps(task_id)]
    return [(plan["start_pts"], plan["end_pts"], plan["frames"]) for plan in plans]


THREE = [(None, 240, 240), (240, 504, 264), (504, None, 240)]


async def test_a_long_video_is_cut_at_its_submission(server: World, files: Files) -> None:
    user = server.user()
    asked = Submission(user, TaskCreate(video_id=await _video(server, files, user), background=GREEN))
    task = await segmenting.write(
        server.database, files, RULES, lambda work, plans: submissions.create(work, RULES, asked, plans=plans)
    )
    assert (task.state, task.frames_total) == (TaskState.WAITING, FRAMES)
    assert ranges(server, task.id) == THREE
    assert [(row.ord, row.kind, row.model) for row in server.steps(task.id)] == [
        (ord_, "segment", "selfie") for ord_ in range(3)
    ]
    assert server.database.look(unsound) == []


async def test_a_task_made_step_by_step_is_cut_too_and_again_after_a_reset(server: World, files: Files) -> None:
    user = server.user()
    task = server.run(lambda work: submissions.create(work, RULES, Submission(user, TaskCreate())))
    wanted = TaskOptions(background=GREEN)
    for video_id in [await _video(server, files, user) for _ in range(2)]:
        server.run(partial(submissions.set_source, user_id=user, task_id=task.id, source_id=video_id))
        server.run(lambda work: submissions.configure(work, RULES, user, task.id, wanted))
        await segmenting.write(
            server.database,
            files,
            RULES,
            lambda work, plans: submissions.submit(work, RULES, user, task.id, None, plans),
        )
        assert ranges(server, task.id) == THREE
        server.run(lambda work: controls.cancel(work, RULES, user, task.id))
        server.run(lambda work: controls.reset(work, user, task.id))
        assert ranges(server, task.id) == []


async def test_a_batch_of_long_and_short_videos_is_planned_together(server: World, files: Files) -> None:
    user = server.user()
    videos = [await _video(server, files, user), server.video(user), await _video(server, files, user)]
    asked = [Submission(user, TaskCreate(video_id=video_id, background=GREEN)) for video_id in [*videos, videos[0]]]
    with pytest.raises(Unplanned) as unplanned:
        server.run(lambda work: batching.create(work, RULES, user, asked))
    assert [source.id for source in unplanned.value.sources] == [videos[0], videos[2], videos[0]]
    assert server.database.look(tasks.counts) == {}
    batch = await segmenting.write(
        server.database, files, RULES, lambda work, plans: batching.create(work, RULES, user, asked, plans=plans)
    )
    made = server.database.look(lambda work: tasks.of_batch(work, batch.id))
    assert sorted(len(server.steps(task.id)) for task in made) == [1, 3, 3, 3]


async def test_a_task_of_a_short_clip_reads_no_file(server: World, files: Files) -> None:
    user = server.user()
    asked = Submission(user, TaskCreate(video_id=server.video(user, 24 * 14), background=GREEN))
    task = await segmenting.write(
        server.database, files, RULES, lambda work, plans: submissions.create(work, RULES, asked, plans=plans)
    )
    assert ranges(server, task.id) == [(None, None, 24 * 14)]


def test_worlds_make_tasks_of_several_segments(world: World) -> None:
    task_id = world.task(frames=72, segments=3)
    assert ranges(world, task_id) == [(None, 24, 24), (24, 48, 24), (48, None, 24)]


def test_a_task_of_many_segments_has_them_all_in_order(world: World) -> None:
    task_id = world.task(frames=24 * 64, segments=64)
    found = ranges(world, task_id)
    assert found[0] == (None, 24, 24)
    assert found[1:-1] == [(24 * ord_, 24 * ord_ + 24, 24) for ord_ in range(1, 63)]
    assert found[-1] == (24 * 63, None, 24)
    assert world.database.look(unsound) == []
