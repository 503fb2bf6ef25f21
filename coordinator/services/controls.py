"""What a user does to a task that exists: pause, resume, cancel, retry, reset, priority, remove."""

from coordinator import errors
from coordinator.domain.lifecycle import ENDED, TASK_MOVES, TaskVerb
from coordinator.domain.news import FilesUnwanted, PartUnwanted, QueueChanged
from coordinator.domain.tasks import TaskPriority
from coordinator.services import assembling, settling
from coordinator.services.rules import Rules
from coordinator.services.submissions import account_of, advance, check_room, find, lock
from coordinator.store import artifacts, attempts, audit, events, steps, tasks
from coordinator.store.tables import Tasks, Users
from coordinator.store.work import Work
from protocol.base import AttemptId, TaskId
from protocol.states import TaskState


def _already(task: Tasks, verb: TaskVerb) -> bool:
    return task.state == TASK_MOVES[verb].target


def pause(work: Work, user_id: str | None, task_id: str) -> Tasks:
    """Take the steps back from the nodes and hold the task; finished steps are kept."""
    task = lock(work, user_id, task_id)
    if not _already(task, TaskVerb.PAUSE):
        advance(work, task, TaskVerb.PAUSE, first_eta_s=None)
        settling.stop_attempts(work, task)
        events.record(work, str(TaskState.PAUSED), task.id, task.user_id)
        work.announce(QueueChanged())
    return find(work, user_id, task_id)


def resume(work: Work, rules: Rules, user_id: str | None, task_id: str) -> Tasks:
    """Queue a paused task again."""
    task = lock(work, user_id, task_id)
    if not _already(task, TaskVerb.RESUME):
        if task.state == TaskState.PAUSED and not settling.hold_sources(work, task):
            raise errors.SourceGone(id=task.source_id)
        advance(work, task, TaskVerb.RESUME)
        steps.release(work, task.id)
        events.record(work, str(TaskState.WAITING), task.id, task.user_id)
        work.announce(QueueChanged())
        settling.settle(work, rules, find(work, None, task_id))
    return find(work, user_id, task_id)


def cancel(work: Work, rules: Rules, user_id: str | None, task_id: str) -> Tasks:
    """End the task now; a cancelled task is answered as it is."""
    task = lock(work, user_id, task_id)
    if not _already(task, TaskVerb.CANCEL):
        advance(work, task, TaskVerb.CANCEL, **settling.ending(work, rules))
        settling.stop_attempts(work, task)
        events.record(work, str(TaskState.CANCELLED), task.id, task.user_id)
        work.announce(QueueChanged())
    return find(work, user_id, task_id)


def retry(work: Work, rules: Rules, user_id: str | None, task_id: str) -> Tasks:
    """Queue an ended task again: finished steps are kept while their parts are, counts start anew."""
    task = lock(work, user_id, task_id)
    if _already(task, TaskVerb.RETRY):
        return task
    if task.state in TASK_MOVES[TaskVerb.RETRY].sources:
        if task.submitted_at is None:
            raise errors.NotSubmitted(state=task.state)
        if not settling.hold_sources(work, task):
            raise errors.SourceGone(id=task.source_id)
        check_room(work, rules, account_of(work, task.user_id))
    fresh = dict.fromkeys(("started_at", "finished_at", "first_eta_s", "expires_at", "parts_expire_at", "error"))
    advance(work, task, TaskVerb.RETRY, submitted_at=work.now, **fresh)
    steps.revive(work, task.id)
    assembling.keep_what_is_there(work, task)
    steps.release(work, task.id)
    events.record(work, "retried", task.id, task.user_id)
    work.announce(QueueChanged())
    settling.settle(work, rules, find(work, None, task_id))
    return find(work, user_id, task_id)


def reset(work: Work, user_id: str | None, task_id: str) -> Tasks:
    """Back to the beginning: an empty task under the same id."""
    task = lock(work, user_id, task_id)
    if not _already(task, TaskVerb.RESET):
        advance(
            work,
            task,
            TaskVerb.RESET,
            source_id=None,
            source_name="",
            background=None,
            background_id=None,
            error=None,
            encoding=None,
            extradata_sha256=None,
            suspect=False,
            frames_total=0,
            frames_done=0,
            progress=0.0,
            submitted_at=None,
            started_at=None,
            finished_at=None,
            expires_at=None,
            parts_expire_at=None,
        )
        for part in artifacts.of_task(work, task.id):
            # not the whole directory: the same task may have new files before the old ones are swept
            work.announce(PartUnwanted(TaskId(task.id), part.step_id, AttemptId(part.attempt_id)))
        _drop_work(work, task.id)
        events.record(work, str(TaskState.IDLE), task.id, task.user_id)
    return find(work, user_id, task_id)


def _drop_work(work: Work, task_id: str) -> None:
    artifacts.forget(work, task_id)
    steps.remove_of(work, task_id)


def prioritise(work: Work, user_id: str | None, task_id: str, wanted: TaskPriority) -> Tasks:
    """Move a task in the queue. `klass` was checked to come from an administrator."""
    task = lock(work, user_id, task_id)
    if task.state in ENDED:
        raise errors.WrongState("An ended task has no place in the queue", state=task.state, verb="priority")
    values = {"priority": wanted.priority, "klass": wanted.klass}
    given = {name: value for name, value in values.items() if value is not None}
    if given:
        tasks.change(work, task.id, **given)
        steps.rank(work, task.id, priority=wanted.priority, klass=wanted.klass)
        events.record(work, "priority", task.id, task.user_id, **given)
        work.announce(QueueChanged())
    return find(work, user_id, task_id)


def remove(
    work: Work, rules: Rules, user_id: str | None, task_id: str, *, by: Users | str = audit.SYSTEM, address: str = ""
) -> Tasks:
    """Cancel a task that has not ended; delete an ended one with its files. Returns it as it was; `by` is audited."""
    task = lock(work, user_id, task_id)
    if task.state not in ENDED:
        return cancel(work, rules, user_id, task_id)
    attempts.forget(work, task.id)
    _drop_work(work, task.id)
    work.announce(FilesUnwanted(TaskId(task.id)))
    tasks.remove(work, task.id)
    events.record(work, "removed", task.id, task.user_id)
    audit.record(work, "task.deleted", actor=by, target=task.id, address=address, name=task.source_name)
    return task
