"""Every verb of a user in every state, on SQLite, PostgreSQL and MariaDB."""

from collections.abc import Callable

import pytest

from coordinator.domain.lifecycle import LIVE, TASK_MOVES, TaskVerb
from coordinator.domain.news import AttemptStopping, FilesUnwanted, PartUnwanted
from coordinator.domain.tasks import TaskCreate, TaskOptions, TaskPriority
from coordinator.errors import NotFound, NotSubmitted, SourceGone, WrongState
from coordinator.services import controls, submissions
from coordinator.services.submissions import Submission
from coordinator.store import artifacts, audit, media, tasks
from coordinator.store.tables import Steps, Tasks
from coordinator.store.work import Work
from protocol.base import AttemptId, TaskId
from protocol.states import AttemptState as A
from protocol.states import StepState as S
from protocol.states import TaskState as T
from tests.coordinator.soundness import unsound
from tests.coordinator.world import GREEN, RULES, World

Verb = Callable[[Work, str, str], Tasks]
VERBS: dict[TaskVerb, Verb] = {
    TaskVerb.SUBMIT: lambda work, user, task: submissions.submit(work, RULES, user, task),
    TaskVerb.PAUSE: controls.pause,
    TaskVerb.RESUME: lambda work, user, task: controls.resume(work, RULES, user, task),
    TaskVerb.CANCEL: lambda work, user, task: controls.cancel(work, RULES, user, task),
    TaskVerb.RETRY: lambda work, user, task: controls.retry(work, RULES, user, task),
    TaskVerb.RESET: controls.reset,
}
UNSUBMITTED = {T.IDLE, T.SELECTING_SOURCE, T.SOURCE_SELECTED, T.READY}


def do(world: World, verb: TaskVerb, user: str, task_id: str) -> Tasks:
    """One verb of a user."""
    return world.run(lambda work: VERBS[verb](work, user, task_id))


def in_state(world: World, state: T) -> tuple[str, str]:
    """A user and a task that came to `state` by real verbs (selecting_source: by the move of an upload)."""
    user = world.user()
    if state in UNSUBMITTED:
        task_id = _unsubmitted(world, user, state)
    else:
        task_id = world.task(user)
        _submitted(world, user, task_id, state)
    assert world.state(task_id) == state
    return user, task_id


def _unsubmitted(world: World, user: str, state: T) -> str:
    source = world.video(user) if state in (T.SOURCE_SELECTED, T.READY) else None
    asked = TaskCreate(video_id=source)
    task_id = world.run(lambda work: submissions.create(work, RULES, Submission(user, asked))).id
    if state is T.SELECTING_SOURCE:
        assert world.run(lambda work: tasks.move(work, task_id, {T.IDLE}, T.SELECTING_SOURCE))
    if state is T.READY:
        world.run(lambda work: submissions.configure(work, RULES, user, task_id, TaskOptions(background=GREEN)))
    return task_id


def _submitted(world: World, user: str, task_id: str, state: T) -> None:
    if state in (T.PROCESSING, T.COMPLETED, T.FAILED):
        world.node()
        attempt_id = world.running()
        if state is T.COMPLETED:
            world.report(attempt_id)
            assert world.verify(attempt_id)
        if state is T.FAILED:
            world.set(Steps, world.step(task_id).id, failures=2)
            world.fail(attempt_id)
    if state in (T.PAUSED, T.CANCELLED):
        world.run(lambda work: VERBS[TaskVerb.PAUSE if state is T.PAUSED else TaskVerb.CANCEL](work, user, task_id))


@pytest.mark.parametrize("state", T)
def test_every_verb_moves_refuses_or_finds_the_task_there_already(world: World, state: T) -> None:
    for verb in VERBS:
        user, task_id = in_state(world, state)
        before, target = tuple(world.get(task_id)), TASK_MOVES[verb].target
        if state == target:
            assert do(world, verb, user, task_id).state == target
            assert _but_version(world.get(task_id)) == _but_version(before)
        elif state in TASK_MOVES[verb].sources:
            assert do(world, verb, user, task_id).state == target
        else:
            with pytest.raises(WrongState) as refused:
                do(world, verb, user, task_id)
            assert refused.value.params == {"state": state, "verb": verb}
            assert tuple(world.get(task_id)) == before
        assert world.database.look(unsound) == []
        if world.state(task_id) in LIVE:
            do(world, TaskVerb.CANCEL, user, task_id)


def _but_version(row: object) -> list[object]:
    assert isinstance(row, tuple)
    return [value for index, value in enumerate(row) if index != 5]


@pytest.mark.parametrize("verb", VERBS)
def test_another_users_task_does_not_exist(small_world: World, verb: TaskVerb) -> None:
    task_id, stranger = small_world.task(), small_world.user()
    with pytest.raises(NotFound):
        small_world.run(lambda work: VERBS[verb](work, stranger, task_id))


def test_a_task_that_was_never_submitted_cannot_be_retried(small_world: World) -> None:
    user, task_id = in_state(small_world, T.READY)
    small_world.run(lambda work: controls.cancel(work, RULES, user, task_id))
    with pytest.raises(NotSubmitted):
        small_world.run(lambda work: controls.retry(work, RULES, user, task_id))


@pytest.mark.parametrize("verb", [TaskVerb.PAUSE, TaskVerb.CANCEL])
def test_a_stop_takes_offered_and_running_attempts_and_leaves_a_reported_one(world: World, verb: TaskVerb) -> None:
    user = world.user()
    task_id = world.task(user)
    world.add_step(task_id)
    world.add_step(task_id)
    world.node(slots=3)
    reported, running, offered = world.reported(), world.running(), world.offered()
    world.news()
    world.run(lambda work: VERBS[verb](work, user, task_id))
    assert [world.attempt(key).state for key in (reported, running, offered)] == [A.REPORTED, A.STOPPING, A.STOPPING]
    told = {news.attempt_id for news in world.news() if isinstance(news, AttemptStopping)}
    assert told == {running, offered}
    assert sorted(step.state for step in world.steps(task_id)) == [S.PENDING, S.PENDING, S.RUNNING]
    assert world.claim() is None
    assert world.database.look(unsound) == []


@pytest.mark.parametrize(("verb", "state"), [(TaskVerb.PAUSE, T.COMPLETED), (TaskVerb.CANCEL, T.CANCELLED)])
def test_what_was_reported_before_a_stop_still_counts(world: World, verb: TaskVerb, state: T) -> None:
    user = world.user()
    task_id = world.task(user)
    world.node()
    attempt_id = world.reported()
    world.run(lambda work: VERBS[verb](work, user, task_id))
    assert world.verify(attempt_id)
    assert (world.state(task_id), world.step(task_id).state) == (state, S.DONE)
    assert world.database.look(unsound) == []


def test_a_paused_task_shows_only_the_frames_that_it_keeps(world: World) -> None:
    user = world.user()
    task_id = world.task(user)
    world.add_step(task_id)
    world.node()
    world.done()
    attempt_id = world.running()
    world.say(attempt_id, "progress", frames_done=10)
    world.run(lambda work: controls.pause(work, user, task_id))
    assert world.get(task_id).frames_done == 24
    assert world.run(lambda work: controls.resume(work, RULES, user, task_id)).state == T.WAITING


def test_a_finished_step_is_not_done_again_after_pause_and_resume(world: World) -> None:
    user = world.user()
    task_id = world.task(user)
    second = world.add_step(task_id)
    world.node()
    winner = world.done()
    world.run(lambda work: controls.pause(work, user, task_id))
    world.run(lambda work: controls.resume(work, RULES, user, task_id))
    offer = world.claim()
    assert offer is not None
    assert offer.step.id == second
    assert world.step(task_id).winner == winner


def test_pause_during_an_offer_leaves_nothing_when_the_node_answers_late(world: World) -> None:
    user = world.user()
    task_id = world.task(user)
    world.node(slots=1)
    attempt_id = world.offered()
    world.run(lambda work: controls.pause(work, user, task_id))
    assert not world.accept(attempt_id)
    assert world.attempt(attempt_id).state == A.STOPPING
    assert world.say(attempt_id, "cancelled") == "cancel"
    assert world.attempt(attempt_id).state == A.CANCELLED
    assert world.database.look(unsound) == []


def test_a_retry_zeroes_the_counts_and_keeps_finished_steps(world: World) -> None:
    user = world.user()
    task_id = world.task(user)
    world.add_step(task_id)
    world.node()
    world.done()
    attempt_id = world.running()
    step_id = world.attempt(attempt_id).step_id
    world.set(Steps, step_id, failures=2, losses=5)
    world.fail(attempt_id)
    assert world.state(task_id) == T.FAILED
    again = world.run(lambda work: controls.retry(work, RULES, user, task_id))
    assert (again.state, again.error, again.finished_at, again.expires_at) == (T.WAITING, None, None, None)
    first, second = world.steps(task_id)
    assert (first.state, second.state, second.failures, second.losses) == (S.DONE, S.PENDING, 0, 0)
    assert world.database.look(unsound) == []


def test_a_retry_after_the_parts_are_gone_does_them_again(world: World) -> None:
    user = world.user()
    task_id = world.task(user)
    world.node()
    attempt_id = world.reported()
    world.run(lambda work: controls.cancel(work, RULES, user, task_id))
    assert world.verify(attempt_id)
    world.run(lambda work: artifacts.forget_attempt(work, attempt_id))
    world.run(lambda work: controls.retry(work, RULES, user, task_id))
    assert (world.state(task_id), world.step(task_id).state) == (T.WAITING, S.PENDING)
    world.done()
    assert world.state(task_id) == T.COMPLETED
    assert len(world.database.look(lambda work: artifacts.results(work, [task_id]))) == 1


def test_a_retried_task_waits_anew(small_world: World) -> None:
    user, task_id = in_state(small_world, T.FAILED)
    again = small_world.run(lambda work: controls.retry(work, RULES, user, task_id))
    assert again.started_at is None
    assert again.submitted_at is not None


@pytest.mark.parametrize("what", ["source", "background"])
@pytest.mark.parametrize(("verb", "state"), [(TaskVerb.RESUME, T.PAUSED), (TaskVerb.RETRY, T.FAILED)])
def test_a_task_whose_files_are_gone_does_not_start_again(
    small_world: World, verb: TaskVerb, state: T, what: str
) -> None:
    world = small_world
    user, task_id = in_state(world, state)
    world.set(Tasks, task_id, background_id=world.picture(user), background={"kind": "image", "id": "x"})
    row = world.get(task_id)
    gone = row.source_id if what == "source" else row.background_id
    world.run(lambda work: media.remove(work, gone or ""))
    with pytest.raises(SourceGone):
        world.run(lambda work: VERBS[verb](work, user, task_id))
    assert world.state(task_id) == state


def test_a_reset_leaves_an_empty_task_and_late_verdicts_change_nothing(world: World) -> None:
    user = world.user()
    task_id = world.task(user)
    world.node()
    attempt_id, step_id = world.reported(), world.step(task_id).id
    world.run(lambda work: controls.cancel(work, RULES, user, task_id))
    row = world.run(lambda work: controls.reset(work, user, task_id))
    assert (row.state, row.source_id, row.background, row.progress, row.frames_total) == (T.IDLE, None, None, 0.0, 0)
    assert world.steps(task_id) == []
    assert PartUnwanted(TaskId(task_id), step_id, AttemptId(attempt_id)) in world.news()
    assert not world.verify(attempt_id)
    assert world.attempt(attempt_id).state == A.CANCELLED
    assert world.state(task_id) == T.IDLE


def test_removing_cancels_a_live_task_and_deletes_an_ended_one(world: World) -> None:
    user = world.user()
    task_id = world.task(user)
    world.node()
    attempt_id = world.running()
    assert world.run(lambda work: controls.remove(work, RULES, user, task_id)).state == T.CANCELLED
    world.news()
    world.run(lambda work: controls.remove(work, RULES, user, task_id, by="mallory", address="192.0.2.1"))
    (line,) = world.run(lambda work: audit.page(work, before=None, limit=1))
    assert (line.action, line.actor, line.target, line.address) == ("task.deleted", "mallory", task_id, "192.0.2.1")
    assert FilesUnwanted(TaskId(task_id)) in world.news()
    assert world.database.look(lambda work: tasks.get(work, task_id)) is None
    assert world.attempt(attempt_id).state == A.STOPPING
    assert world.say(attempt_id, "cancelled") == "cancel"
    assert world.attempt(attempt_id).state == A.CANCELLED


def test_priority_and_class_move_the_steps_too(world: World) -> None:
    user = world.user()
    task_id = world.task(user)
    wanted = TaskPriority.model_validate({"priority": 7, "class": 2})
    row = world.run(lambda work: controls.prioritise(work, user, task_id, wanted))
    assert (row.priority, row.klass) == (7, 2)
    assert (world.step(task_id).lag, world.step(task_id).klass) == (-7, 2)


@pytest.mark.parametrize("state", sorted(set(T) - LIVE - UNSUBMITTED))
def test_an_ended_task_has_no_place_in_the_queue(small_world: World, state: T) -> None:
    user, task_id = in_state(small_world, state)
    with pytest.raises(WrongState):
        small_world.run(lambda work: controls.prioritise(work, user, task_id, TaskPriority(priority=1)))
