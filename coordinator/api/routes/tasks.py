"""Tasks: make, look, steer, remove."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from coordinator import errors
from coordinator.api import cursors
from coordinator.api import views_tasks as views
from coordinator.api.deps import ClientAddress, Here, User
from coordinator.api.submitting import IdempotencyKey, key_of, shown, submission, submitted
from coordinator.domain.permissions import may_administer
from coordinator.domain.tasks import TaskCreate, TaskOptions, TaskPriority, TaskSource
from coordinator.services import controls, explaining, looking, submissions
from coordinator.services.context import Context
from coordinator.services.segmenting import Plans
from coordinator.services.submissions import find
from coordinator.store import artifacts, events, interfaces, tasks
from coordinator.store.tables import Tasks, Users
from coordinator.store.work import Work
from protocol.states import Output, TaskState

router = APIRouter(prefix="/tasks", tags=["tasks"])
Sort = Literal["created_at", "-created_at"]
Verb = Callable[[Work], Tasks]


@router.post("", status_code=201)
async def create(
    body: TaskCreate, request: Request, response: Response, user: User, here: Here, key: IdempotencyKey = None
) -> dict[str, Any]:
    """Make a task; with a video and a background it is submitted at once."""
    known = await key_of(request, "tasks_create", key)
    asked = await submission(here, user, body)
    made = await _submitted(here, lambda work, plans: submissions.create(work, here.rules, asked, known, plans))
    response.headers["Location"] = f"/api/v1/tasks/{made['id']}"
    return made


@router.get("")
async def listing(
    user: User,
    here: Here,
    state: Annotated[list[TaskState] | None, Query()] = None,
    q: Annotated[str, Query(max_length=200)] = "",
    sort: Sort = "-created_at",
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Your tasks, newest first; `state` may be given several times, `q` is a part of the video's name."""
    return await tasks_page(here, user.id, state, q, sort, cursor, limit)


async def tasks_page(
    here: Context,
    user_id: str | None,
    state: list[TaskState] | None,
    q: str,
    sort: Sort,
    cursor: str | None,
    limit: int,
) -> dict[str, Any]:
    """A page of tasks of one user, or of all."""
    after = cursors.decode(cursor, sort, float, str) if cursor else None
    pictures = await here.database.read(
        lambda work: looking.many(
            work,
            tasks.page(
                work,
                user_id=user_id,
                states=[str(one) for one in state or ()],
                query=q,
                before=(after[0], after[1]) if after else None,
                oldest_first=sort == "created_at",
                limit=limit + 1,
            ),
        )
    )
    page, now = pictures[:limit], here.clock()
    last = page[-1].task if len(pictures) > limit else None
    more = cursors.encode(sort, last.created_at, last.id) if last is not None else None
    return {"items": [views.task(picture, here.links, now) for picture in page], "next": more}


@router.get("/{task_id}")
async def one(task_id: str, user: User, here: Here) -> dict[str, Any]:
    """One task."""
    return await here.database.read(lambda work: shown(here, work, find(work, owner(user), task_id)))


@router.delete("/{task_id}")
async def delete(task_id: str, user: User, here: Here, address: ClientAddress) -> dict[str, Any]:
    """Cancel a live task; remove an ended one with its files. Answers the task as it was or is."""
    return await _done(
        here, lambda work: controls.remove(work, here.rules, owner(user), task_id, by=user, address=address)
    )


@router.put("/{task_id}/source")
async def source(task_id: str, body: TaskSource, user: User, here: Here) -> dict[str, Any]:
    """Choose the video."""
    return await _done(here, lambda work: submissions.set_source(work, user.id, task_id, body.video_id))


@router.put("/{task_id}/options")
async def options(task_id: str, body: TaskOptions, user: User, here: Here) -> dict[str, Any]:
    """Choose background, model, outputs and options; what is left out stays."""
    return await _done(here, lambda work: submissions.configure(work, here.rules, user.id, task_id, body))


@router.put("/{task_id}/submit")
async def submit(task_id: str, user: User, here: Here) -> dict[str, Any]:
    """Queue the task."""
    pts = await _pts(here, user, task_id)
    return await _submitted(
        here, lambda work, plans: submissions.submit(work, here.rules, user.id, task_id, pts, plans)
    )


@router.put("/{task_id}/pause")
async def pause(task_id: str, user: User, here: Here) -> dict[str, Any]:
    """Free the nodes and hold the task; finished steps are kept."""
    return await _done(here, lambda work: controls.pause(work, owner(user), task_id))


@router.put("/{task_id}/resume")
async def resume(task_id: str, user: User, here: Here) -> dict[str, Any]:
    """Queue a paused task again."""
    return await _done(here, lambda work: controls.resume(work, here.rules, owner(user), task_id))


@router.put("/{task_id}/cancel")
async def cancel(task_id: str, user: User, here: Here) -> dict[str, Any]:
    """End the task and keep it in the list."""
    return await _done(here, lambda work: controls.cancel(work, here.rules, owner(user), task_id))


@router.put("/{task_id}/retry")
async def retry(task_id: str, user: User, here: Here) -> dict[str, Any]:
    """Queue a failed or cancelled task again; only what is missing is done."""
    return await _done(here, lambda work: controls.retry(work, here.rules, owner(user), task_id))


@router.put("/{task_id}/reset")
async def reset(task_id: str, user: User, here: Here) -> dict[str, Any]:
    """Back to an empty task under the same id."""
    return await _done(here, lambda work: controls.reset(work, owner(user), task_id))


@router.put("/{task_id}/priority")
async def priority(task_id: str, body: TaskPriority, user: User, here: Here) -> dict[str, Any]:
    """Your own order among your tasks (-100..100); `class` is for administrators."""
    if body.klass is not None and not may_administer(user.role):
        raise errors.Forbidden("Only an administrator sets the class")
    return await _done(here, lambda work: controls.prioritise(work, owner(user), task_id, body))


@router.get("/{task_id}/explain")
async def explain(task_id: str, user: User, here: Here) -> dict[str, Any]:
    """Why the task still waits: one true reason for each node, how much is before it, and when it will be done."""
    polls = here.polls.polling()
    return await here.database.read(
        lambda work: views.explanation(explaining.explain(work, find(work, owner(user), task_id), polls))
    )


@router.get("/{task_id}/steps")
async def steps(task_id: str, user: User, here: Here) -> dict[str, Any]:
    """The pieces of the task and who does them."""
    pictures = await here.database.read(lambda work: looking.step_pictures(work, find(work, owner(user), task_id)))
    return {"items": [views.step(picture, here.links, here.clock()) for picture in pictures], "next": None}


@router.get("/{task_id}/events")
async def log(
    task_id: str,
    user: User,
    here: Here,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> dict[str, Any]:
    """What happened to the task, oldest first; `next` is the `after` of the next page."""

    def query(work: Work) -> list[dict[str, Any]]:
        find(work, owner(user), task_id)
        rows = events.of_task(work, task_id, after, limit)
        names = interfaces.names(work, {row.data["interface_id"] for row in rows if "interface_id" in row.data})
        return [views.event(row, names) for row in rows]

    items = await here.database.read(query)
    return {"items": items, "next": items[-1]["seq"] if len(items) == limit else None}


@router.get("/{task_id}/results/{output}")
async def result(task_id: str, output: Output, user: User, here: Here) -> RedirectResponse:
    """One output: a redirect to its signed link. `result_not_ready` until the task is completed."""

    def query(work: Work) -> None:
        find(work, owner(user), task_id)
        if artifacts.result(work, task_id, output) is None:
            raise errors.ResultNotReady(output=str(output))

    await here.database.read(query)
    return RedirectResponse(here.links.result(task_id, output, here.clock()), status_code=307)


def owner(user: Users) -> str | None:
    """Whose tasks a user may touch: administrators anybody's."""
    return None if may_administer(user.role) else user.id


async def _done(here: Context, verb: Verb) -> dict[str, Any]:
    return await here.database.write(lambda work: shown(here, work, verb(work)))


async def _submitted(here: Context, verb: Callable[[Work, Plans], Tasks]) -> dict[str, Any]:
    return await submitted(here, lambda work, plans: shown(here, work, verb(work, plans)))


async def _pts(here: Context, user: Users, task_id: str) -> int | None:
    """The frame of a still, for a task that was made step by step."""
    task = await here.database.read(lambda work: find(work, user.id, task_id))
    if task.at_s is None or task.source_id is None:
        return None
    spec = TaskCreate(video_id=task.source_id, at_s=task.at_s)
    return (await submission(here, user, spec)).pts
