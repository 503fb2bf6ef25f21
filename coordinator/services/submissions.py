"""Making a task: in one call, or source, options and submit step by step."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from coordinator import errors
from coordinator.domain import placement, planning
from coordinator.domain.lifecycle import LIVE, QUEUED, TASK_MOVES, TaskVerb
from coordinator.domain.news import QueueChanged
from coordinator.domain.planning import PlannedStep
from coordinator.domain.tasks import MediaChoice, Options, TaskCreate, TaskOptions, lack_of_alpha
from coordinator.ids import new_id
from coordinator.services import segmenting, webhooks
from coordinator.services.rules import Rules
from coordinator.services.segmenting import NO_PLANS, Plans
from coordinator.store import events, idempotency, media, offers, steps, tasks, users
from coordinator.store.tables import Media, Tasks, Users
from coordinator.store.work import Work
from protocol.states import TaskState

_UNSOURCED = frozenset({TaskState.IDLE, TaskState.SELECTING_SOURCE})


@dataclass(frozen=True, slots=True)
class Submission:
    """What the edge knows before the unit runs. `pts` is the frame that `at_s` names, looked up in the media's file."""

    user_id: str
    spec: TaskCreate
    pts: int | None = None
    batch_id: str | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """An Idempotency-Key with what it stands for."""

    route: str
    key: str
    body_sha256: str


def recall(work: Work, user_id: str, key: Key | None) -> str | None:
    """The id that this key made before. IdempotencyMismatch: it was used with another body."""
    found = idempotency.find(work, user_id, key.route, key.key) if key is not None else None
    if found is None or key is None:
        return None
    if found.body_sha256 != key.body_sha256:
        raise errors.IdempotencyMismatch()
    return found.object_id


def create(work: Work, rules: Rules, submission: Submission, key: Key | None = None, plans: Plans = NO_PLANS) -> Tasks:
    """Make a task and take it as far as its parts allow. A repeat of an Idempotency-Key gets the first task again.

    With a source and a background it walks idle -> waiting at once. Unplanned.
    """
    user_id, spec = submission.user_id, submission.spec
    known = recall(work, user_id, key)
    if known is not None:
        return find(work, user_id, known)
    account, task_id = account_of(work, user_id), new_id()
    source = _source(work, user_id, spec.source_id, spec.image_id is not None) if spec.source_id is not None else None
    if spec.background is not None:
        _check_background(work, user_id, spec.background)
    values = _blank(work, rules, submission, task_id) | {"klass": account.klass}
    if source is not None:
        values |= {"state": str(TaskState.SOURCE_SELECTED), "source_id": source.id, "source_name": source.name}
    task = tasks.add(work, values)
    if key is not None:
        idempotency.remember(work, user_id, key.route, key.key, key.body_sha256, task_id)
    events.record(work, "created", task_id, user_id)
    if source is None or spec.background is None:
        return task
    check_room(work, rules, account)
    planned = plan(task, source, rules, submission.pts, plans)
    return _queue(work, task, source, planned, {TaskState.SOURCE_SELECTED})


def _blank(work: Work, rules: Rules, submission: Submission, task_id: str) -> dict[str, Any]:
    spec = submission.spec
    model = spec.model or rules.default_model
    _check_model(work, rules, model)
    chosen = spec.background
    return {
        "id": task_id,
        "user_id": submission.user_id,
        "batch_id": submission.batch_id,
        "kind": spec.kind,
        "state": str(TaskState.IDLE),
        "at_s": spec.at_s,
        "background": chosen.model_dump(mode="json") if chosen is not None else None,
        "background_id": chosen.id if isinstance(chosen, MediaChoice) else None,
        "model": model,
        "outputs": [str(output) for output in spec.outputs],
        "options": spec.options.model_dump(mode="json"),
        "priority": spec.priority,
        "webhook_url": webhooks.accepted(rules, spec.webhook_url, "webhook_url") if spec.webhook_url else None,
        "created_at": work.now,
    }


def find(work: Work, user_id: str | None, task_id: str) -> Tasks:
    """A task of this user (None: of anybody). NotFound also for another's: nobody learns what others have."""
    task = tasks.get(work, task_id)
    if task is None or (user_id is not None and task.user_id != user_id):
        raise errors.NotFound(kind="task", id=task_id)
    return task


def lock(work: Work, user_id: str | None, task_id: str) -> Tasks:
    """`find` under the task's lock."""
    find(work, user_id, task_id)
    task = tasks.lock(work, task_id)
    if task is None:
        raise errors.NotFound(kind="task", id=task_id)
    return task


def advance(work: Work, task: Tasks, verb: TaskVerb, **values: Any) -> None:
    """The guarded move of one verb. WrongState carries the state that was found."""
    sources, target = TASK_MOVES[verb]
    if not tasks.move(work, task.id, sources, target, **values):
        raise errors.WrongState(f"A task that is {task.state} cannot {verb}", state=task.state, verb=str(verb))


def set_source(work: Work, user_id: str, task_id: str, source_id: str) -> Tasks:
    """select_source and source_ready for an upload that is already whole and probed."""
    task = lock(work, user_id, task_id)
    source = _source(work, user_id, source_id, still=False)
    advance(work, task, TaskVerb.SELECT_SOURCE)
    advance(work, task, TaskVerb.SOURCE_READY, source_id=source.id, source_name=source.name, at_s=task.at_s)
    events.record(work, str(TaskState.SOURCE_SELECTED), task.id, task.user_id)
    if task.background is not None:
        advance(work, find(work, user_id, task_id), TaskVerb.CONFIGURE)
    return find(work, user_id, task_id)


def configure(work: Work, rules: Rules, user_id: str, task_id: str, wanted: TaskOptions) -> Tasks:
    """Set background, model, outputs and options; a task without a source keeps them until it has one."""
    task = lock(work, user_id, task_id)
    if task.state not in _UNSOURCED | TASK_MOVES[TaskVerb.CONFIGURE].sources:
        raise errors.WrongState(f"A task that is {task.state} cannot be changed", state=task.state, verb="configure")
    values: dict[str, Any] = {}
    if wanted.background is not None:
        _check_background(work, user_id, wanted.background)
        values["background"] = wanted.background.model_dump(mode="json")
        values["background_id"] = wanted.background.id if isinstance(wanted.background, MediaChoice) else None
    if wanted.model is not None:
        _check_model(work, rules, wanted.model)
        values["model"] = wanted.model
    if wanted.outputs is not None:
        values["outputs"] = [str(output) for output in wanted.outputs]
    if wanted.options is not None:
        values["options"] = wanted.options.model_dump(mode="json")
    if wanted.webhook_url is not None:
        values["webhook_url"] = webhooks.accepted(rules, wanted.webhook_url, "webhook_url")
    if task.state not in _UNSOURCED and values.get("background", task.background) is not None:
        advance(work, task, TaskVerb.CONFIGURE)
        events.record(work, str(TaskState.READY), task.id, task.user_id)
    if values:
        tasks.change(work, task.id, **values)
    return find(work, user_id, task_id)


def submit(
    work: Work, rules: Rules, user_id: str, task_id: str, pts: int | None = None, plans: Plans = NO_PLANS
) -> Tasks:
    """Plan the steps and queue the task. A waiting task is answered as it is. Unplanned."""
    task = lock(work, user_id, task_id)
    if task.state == TaskState.WAITING:
        return task
    if task.state != TaskState.READY:
        raise errors.WrongState(f"A task that is {task.state} cannot be submitted", state=task.state, verb="submit")
    source = media.get(work, task.source_id or "")
    if source is None or not all(media.touch(work, key) for key in (source.id, task.background_id) if key is not None):
        raise errors.SourceGone(id=task.source_id)
    _check_model(work, rules, task.model)
    check_room(work, rules, account_of(work, user_id))
    return _queue(work, task, source, plan(task, source, rules, pts, plans), TASK_MOVES[TaskVerb.SUBMIT].sources)


def _queue(
    work: Work, task: Tasks, source: Media, planned: Sequence[PlannedStep], found: Collection[TaskState]
) -> Tasks:
    """Add the steps and move the task from one of the states `found` to waiting."""
    options = Options(**task.options)
    _check_alpha(task, options)
    steps.add(work, [_step_row(work, task, step) | _weight(task, source, step) for step in planned])
    values = {
        "submitted_at": work.now,
        "encoding": options.encoding().model_dump(mode="json"),
        "frames_total": sum(step.frames for step in planned),
        "frames_done": 0,
        "progress": 0.0,
    }
    queued = tasks.moved(work, task.id, found, TASK_MOVES[TaskVerb.SUBMIT].target, **values)
    if queued is None:
        raise errors.WrongState(f"A task that is {task.state} cannot be submitted", state=task.state, verb="submit")
    events.record(work, str(TaskState.WAITING), task.id, task.user_id)
    work.announce(QueueChanged())
    return queued


def plan(task: Tasks, source: Media, rules: Rules, pts: int | None, plans: Plans) -> Sequence[PlannedStep]:
    """The steps of a task. Unplanned; InvalidRequest: a still of a video names no frame."""
    if source.content_type.startswith("image/"):
        return planning.plan_still(None, None)
    if task.kind != "image":
        return segmenting.steps_of(rules, source, plans)
    if pts is None:
        raise errors.InvalidRequest("This video has no frame at that time")
    return planning.plan_still(segmenting.timeline_of(source), pts)


def _step_row(work: Work, task: Tasks, step: PlannedStep) -> dict[str, Any]:
    return {
        "id": new_id(),
        "task_id": task.id,
        "user_id": task.user_id,
        "kind": str(step.kind),
        "ord": step.ord,
        "state": "pending",
        "model": task.model,
        "klass": task.klass,
        "lag": -task.priority,
        "queued_at": work.now,
        "plan": step.range.model_dump(mode="json") if step.range else None,
        "frames": step.frames,
    }


def _weight(task: Tasks, source: Media, step: PlannedStep) -> dict[str, Any]:
    """What a step asks of a node beside its frames: its share of the source, scratch, and the size of its pictures."""
    share = step.frames / source.frames if source.frames > 0 else 1.0
    source_mb = source.size / 1e6 * min(1.0, share)
    size = (source.width, source.height)
    return {
        "source_mb": source_mb,
        "size_class": placement.size_class(*size),
        "disk_mb": placement.disk_mb(source_mb, step.frames, *size, len(task.outputs)),
    }


def account_of(work: Work, user_id: str) -> Users:
    """The account that a task belongs to. InvalidToken: it is gone."""
    account = users.get(work, user_id)
    if account is None:
        raise errors.InvalidToken()
    return account


def _own(work: Work, user_id: str, media_id: str, word: str) -> Media:
    found = media.get(work, media_id)
    if found is None or found.user_id != user_id:
        raise errors.NotFound(kind=word, id=media_id)
    return found


def _source(work: Work, user_id: str, media_id: str, still: bool) -> Media:
    """A source that may be used now. NotFound, NotAnImage, NotAVideo: it is the other kind."""
    found = _own(work, user_id, media_id, "image" if still else "video")
    if found.content_type.startswith("image/") is not still:
        raise errors.NotAnImage(id=media_id) if still else errors.NotAVideo(id=media_id)
    if not media.touch(work, found.id):
        raise errors.NotFound(kind=found.kind, id=media_id)
    return found


def _check_background(work: Work, user_id: str, choice: Any) -> None:
    """NotFound: not one of this user's. Any upload will do that the probe took: a picture, or a video."""
    if not isinstance(choice, MediaChoice):
        return
    found = _own(work, user_id, choice.id, "background")
    if not media.touch(work, found.id):
        raise errors.NotFound(kind="background", id=choice.id)


def _check_alpha(task: Tasks, options: Options) -> None:
    kind = task.background["kind"] if task.background else None
    wrong = lack_of_alpha(kind, task.outputs, task.kind == "image", options)
    if wrong is not None:
        raise errors.UnsupportedBackground(wrong, kind=kind)


def _check_model(work: Work, rules: Rules, model: str) -> None:
    if model != rules.default_model and not offers.known(work, model):
        raise errors.UnknownModel(f"No node ever offered the model {model}", model=model)


def check_room(work: Work, rules: Rules, account: Users) -> None:
    """TooManyWaiting, QueueFull. A user's paused tasks count too, or resuming them would pass the bound."""
    bound = rules.user_max_waiting if account.max_waiting is None else account.max_waiting
    if tasks.count(work, LIVE, account.id) >= bound:
        raise errors.TooManyWaiting(f"You may have {bound} waiting tasks", limit=bound)
    if tasks.count(work, QUEUED) >= rules.queue_size:
        raise errors.QueueFull(limit=rules.queue_size)
