"""Making tasks in one call and step by step, quotas and idempotency; on SQLite, PostgreSQL and MariaDB."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from coordinator import errors
from coordinator.domain.news import QueueChanged
from coordinator.domain.tasks import ColorChoice, MediaChoice, Options, TaskCreate, TaskOptions, TransparentChoice
from coordinator.services import batching, controls, submissions
from coordinator.services.rules import Rules
from coordinator.services.submissions import Key, Submission
from coordinator.store import batches, media, tasks
from coordinator.store.tables import Media, Tasks
from protocol.states import Output
from protocol.states import TaskState as T
from tests.coordinator.soundness import unsound
from tests.coordinator.world import GREEN, RULES, World

RED = ColorChoice(kind="color", color="#ff0000")


def create(world: World, user: str, spec: TaskCreate, key: Key | None = None, rules: Rules = RULES) -> Tasks:
    return world.run(lambda work: submissions.create(work, rules, Submission(user, spec), key))


def test_one_call_makes_a_waiting_task_with_its_step(world: World) -> None:
    user = world.user(klass=2)
    video = world.video(user, frames=100)
    world.news()
    task = create(world, user, TaskCreate(video_id=video, background=GREEN, priority=5))
    assert (task.state, task.frames_total, task.progress, task.klass, task.priority) == (T.WAITING, 100, 0, 2, 5)
    assert task.source_name == "video.bin"
    (step,) = world.steps(task.id)
    assert step.plan is not None
    assert (step.kind, step.state, step.frames, step.klass, step.lag) == ("segment", "pending", 100, 2, -5)
    assert (step.plan["frames"], step.plan["first_pts"], step.plan["last_pts"]) == (100, 0, 99)
    assert task.encoding is not None
    assert task.encoding["preset"] == "veryfast"
    assert QueueChanged() in world.news()
    assert world.database.look(unsound) == []


def test_step_by_step_survives_a_closed_browser(world: World) -> None:
    user = world.user()
    task = create(world, user, TaskCreate())
    assert (task.state, world.steps(task.id)) == (T.IDLE, [])
    video = world.video(user)
    task = world.run(lambda work: submissions.set_source(work, user, task.id, video))
    assert task.state == T.SOURCE_SELECTED
    wanted = TaskOptions(background=GREEN, outputs=(Output.MASK,), options=Options(quality="draft"))
    task = world.run(lambda work: submissions.configure(work, RULES, user, task.id, wanted))
    assert (task.state, task.outputs, task.options["quality"]) == (T.READY, ["mask"], "draft")
    other = world.video(user, frames=7)
    task = world.run(lambda work: submissions.set_source(work, user, task.id, other))
    assert (task.state, task.source_id) == (T.READY, other)
    task = world.run(lambda work: submissions.submit(work, RULES, user, task.id))
    assert (task.state, task.frames_total) == (T.WAITING, 7)
    assert task.encoding is not None
    assert task.encoding["preset"] == "ultrafast"
    again = world.run(lambda work: submissions.submit(work, RULES, user, task.id))
    assert (again.state, len(world.steps(task.id))) == (T.WAITING, 1)


def test_options_before_the_source_are_kept_until_there_is_one(world: World) -> None:
    user = world.user()
    task = create(world, user, TaskCreate(background=GREEN))
    changed = world.run(lambda work: submissions.configure(work, RULES, user, task.id, TaskOptions(background=RED)))
    assert (changed.state, changed.background) == (T.IDLE, RED.model_dump())
    video = world.video(user)
    ready = world.run(lambda work: submissions.set_source(work, user, task.id, video))
    assert ready.state == T.READY


def test_options_of_a_queued_task_are_fixed(small_world: World) -> None:
    user = small_world.user()
    task_id = small_world.task(user)
    with pytest.raises(errors.WrongState) as refused:
        small_world.run(lambda work: submissions.configure(work, RULES, user, task_id, TaskOptions(background=RED)))
    assert refused.value.params["state"] == "waiting"
    video = small_world.video(user)
    with pytest.raises(errors.WrongState):
        small_world.run(lambda work: submissions.set_source(work, user, task_id, video))
    assert small_world.get(task_id).background == GREEN.model_dump()


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        ({"video_id": "nothing"}, errors.NotFound),
        ({"video_id": "theirs"}, errors.NotFound),
        ({"video_id": "picture"}, errors.NotAVideo),
        ({"image_id": "video"}, errors.NotAnImage),
        ({"video_id": "video", "background": {"kind": "image", "id": "nothing"}}, errors.NotFound),
        ({"video_id": "video", "background": {"kind": "video", "id": "theirs"}}, errors.NotFound),
        ({"video_id": "video", "background": {"kind": "transparent"}}, errors.UnsupportedBackground),
        ({"video_id": "video", "model": "nobody-has-it"}, errors.UnknownModel),
    ],
)
def test_a_task_that_cannot_be_made_leaves_nothing(
    small_world: World, asked: dict[str, Any], wrong: type[errors.CoordinatorError]
) -> None:
    world = small_world
    user = world.user()
    ids = {"video": world.video(user), "picture": world.picture(user), "theirs": world.video(world.user())}
    body = {"background": GREEN.model_dump(), **asked}
    for name in ("video_id", "image_id"):
        if name in body:
            body[name] = ids.get(body[name], body[name])
    if "id" in body["background"]:
        body["background"] = body["background"] | {"id": ids.get(body["background"]["id"], "nothing")}
    with pytest.raises(wrong):
        create(world, user, TaskCreate.model_validate(body))
    assert world.database.look(tasks.counts) == {}


def test_a_picture_is_a_task_of_one_frame(world: World) -> None:
    user = world.user()
    task = create(world, user, TaskCreate(image_id=world.picture(user), background=GREEN))
    (step,) = world.steps(task.id)
    assert (task.kind, step.kind, step.plan, step.frames) == ("image", "image", None, 1)


def test_a_still_of_a_video_names_its_frame(world: World) -> None:
    user = world.user()
    asked = Submission(user, TaskCreate(video_id=world.video(user), at_s=0.5, background=GREEN), pts=12)
    task = world.run(lambda work: submissions.create(work, RULES, asked))
    (step,) = world.steps(task.id)
    assert step.plan is not None
    assert (step.kind, step.plan["start_pts"], step.plan["end_pts"]) == ("image", 12, 13)


def test_a_still_of_a_video_without_a_frame_is_refused(small_world: World) -> None:
    user = small_world.user()
    with pytest.raises(errors.InvalidRequest):
        create(small_world, user, TaskCreate(video_id=small_world.video(user), at_s=0.5, background=GREEN))


def test_a_model_that_was_ever_offered_is_accepted_and_waits(world: World) -> None:
    user = world.user()
    world.node(models=["birefnet"], online=False)
    task = create(world, user, TaskCreate(video_id=world.video(user), background=GREEN, model="birefnet"))
    assert task.state == T.WAITING
    world.node()
    assert world.claim() is None


def test_a_user_may_have_so_many_unfinished_tasks_and_paused_ones_count(world: World) -> None:
    user = world.user(max_waiting=2)
    first = world.task(user)
    world.task(user)
    with pytest.raises(errors.TooManyWaiting) as refused:
        world.task(user)
    assert refused.value.params == {"limit": 2}
    world.run(lambda work: controls.pause(work, user, first))
    with pytest.raises(errors.TooManyWaiting):
        world.task(user)
    world.run(lambda work: controls.cancel(work, RULES, user, first))
    world.task(user)
    with pytest.raises(errors.TooManyWaiting):
        world.run(lambda work: controls.retry(work, RULES, user, first))
    assert world.state(first) == T.CANCELLED


def test_an_allowance_of_nothing_is_nothing(small_world: World) -> None:
    user = small_world.user(max_waiting=0)
    with pytest.raises(errors.TooManyWaiting):
        small_world.task(user)


def test_the_queue_is_bounded_for_all(small_world: World) -> None:
    small_world.task()
    user = small_world.user()
    asked = TaskCreate(video_id=small_world.video(user), background=GREEN)
    with pytest.raises(errors.QueueFull):
        create(small_world, user, asked, rules=Rules(queue_size=1))


def test_a_key_makes_one_task_and_another_body_is_refused(world: World) -> None:
    user, other = world.user(), world.user()
    asked, key = TaskCreate(video_id=world.video(user), background=GREEN), Key("tasks", "k1", "a" * 64)
    first = create(world, user, asked, key)
    assert create(world, user, asked, key).id == first.id
    with pytest.raises(errors.IdempotencyMismatch):
        create(world, user, asked, Key("tasks", "k1", "b" * 64))
    elsewhere = create(world, user, asked, Key("process", "k1", "b" * 64))
    theirs = create(world, other, TaskCreate(video_id=world.video(other), background=GREEN), key)
    assert len({first.id, elsewhere.id, theirs.id}) == 3


def test_a_key_that_is_used_many_times_at_once_makes_one_task(world: World) -> None:
    user = world.user()
    asked, key = TaskCreate(video_id=world.video(user), background=GREEN), Key("tasks", "k1", "a" * 64)
    with ThreadPoolExecutor(5) as threads:
        made = set(threads.map(lambda _: create(world, user, asked, key).id, range(5)))
    assert len(made) == 1
    assert world.database.look(tasks.counts) == {"waiting": 1}


def test_a_key_of_a_task_that_could_not_be_made_is_free_again(small_world: World) -> None:
    user, key = small_world.user(), Key("tasks", "k1", "a" * 64)
    with pytest.raises(errors.NotFound):
        create(small_world, user, TaskCreate(video_id="nothing", background=GREEN), key)
    made = create(small_world, user, TaskCreate(video_id=small_world.video(user), background=GREEN), key)
    assert made.state == T.WAITING


def test_making_a_task_keeps_its_uploads_from_expiring(world: World) -> None:
    user = world.user()
    video, picture = world.video(user), world.picture(user)
    for key in (video, picture):
        world.set(Media, key, last_used_at=1.0)
    create(world, user, TaskCreate(video_id=video, background=MediaChoice(kind="image", id=picture)))
    rows = world.database.look(lambda work: [media.get(work, key) for key in (video, picture)])
    assert all(row is not None and row.last_used_at > 1.0 for row in rows)


def test_a_ready_task_whose_video_was_removed_cannot_be_submitted(world: World) -> None:
    user = world.user()
    video = world.video(user)
    task = create(world, user, TaskCreate(video_id=video))
    world.run(lambda work: submissions.configure(work, RULES, user, task.id, TaskOptions(background=GREEN)))
    world.run(lambda work: media.remove(work, video))
    with pytest.raises(errors.SourceGone):
        world.run(lambda work: submissions.submit(work, RULES, user, task.id))
    assert (world.state(task.id), world.steps(task.id)) == (T.READY, [])


def test_a_batch_is_made_whole_or_not_at_all(world: World) -> None:
    user = world.user()
    good = Submission(user, TaskCreate(video_id=world.video(user), background=GREEN))
    bad = Submission(user, TaskCreate(video_id="nothing", background=GREEN))
    with pytest.raises(errors.NotFound) as refused:
        world.run(lambda work: batching.create(work, RULES, user, [good, bad]))
    assert refused.value.params["item"] == 1
    assert world.database.look(tasks.counts) == {}
    key = Key("batch", "k", "a" * 64)
    batch = world.run(lambda work: batching.create(work, RULES, user, [good, good], key))
    assert world.run(lambda work: batching.create(work, RULES, user, [good, good], key)).id == batch.id
    assert world.database.look(tasks.counts) == {"waiting": 2}


def test_removing_a_batch_cancels_then_removes(world: World) -> None:
    user = world.user()
    item = Submission(user, TaskCreate(video_id=world.video(user), background=GREEN))
    batch = world.run(lambda work: batching.create(work, RULES, user, [item, item]))
    stranger = world.user()
    with pytest.raises(errors.NotFound):
        world.run(lambda work: batching.remove(work, RULES, stranger, batch.id))
    world.run(lambda work: batching.remove(work, RULES, user, batch.id))
    assert world.database.look(tasks.counts) == {"cancelled": 2}
    world.run(lambda work: batching.remove(work, RULES, user, batch.id))
    assert world.database.look(tasks.counts) == {}
    assert world.database.look(lambda work: batches.get(work, batch.id)) is None


def test_a_wizard_may_choose_nothing_behind_the_person_before_it_asks_for_outputs_with_alpha(
    small_world: World,
) -> None:
    user = small_world.user()
    task = create(small_world, user, TaskCreate(video_id=small_world.video(user)))
    nothing = TaskOptions(background=TransparentChoice(kind="transparent"))
    small_world.run(lambda work: submissions.configure(work, RULES, user, task.id, nothing))
    with pytest.raises(errors.UnsupportedBackground, match="ask for the foreground"):
        small_world.run(lambda work: submissions.submit(work, RULES, user, task.id))
    assert small_world.state(task.id) == T.READY
    cut_out = TaskOptions(outputs=(Output.FOREGROUND, Output.MASK))
    small_world.run(lambda work: submissions.configure(work, RULES, user, task.id, cut_out))
    small_world.run(lambda work: submissions.submit(work, RULES, user, task.id))
    assert small_world.state(task.id) == T.WAITING
