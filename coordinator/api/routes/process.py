"""One call from a file to a result: `process/image`, `process/video`, `process/batch`."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Request, Response
from pydantic import Field

from coordinator import errors
from coordinator.api import media_routes, node_auth
from coordinator.api import views_tasks as views
from coordinator.api.deps import Here, User
from coordinator.api.serving import serve_file
from coordinator.api.submitting import IdempotencyKey, key_of, shown, submission, submitted
from coordinator.domain.tasks import TaskCreate
from coordinator.services import batching, looking, submissions, uploads
from coordinator.services.context import Context
from coordinator.services.submissions import Submission
from coordinator.services.uploads import Kind
from coordinator.store import artifacts, tasks
from coordinator.store.tables import Results, Tasks, Users
from protocol.base import RequestModel
from protocol.problems import FieldError
from protocol.states import Output

router = APIRouter(prefix="/process", tags=["process"])
MOST_WAIT_S: Final = 60
_WAIT: Final = re.compile(r"\bwait=([0-9]{1,4})\b")
Prefer = Annotated[str, Header(max_length=200)]
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": TaskCreate.model_json_schema(ref_template="#/components/schemas/{model}")},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "request": {"type": "string", "description": "the JSON body without its source"},
                        "file": {"type": "string", "format": "binary"},
                    },
                }
            },
        },
    }
}


class Batch(RequestModel):
    """Up to 200 tasks at once; all of them are made, or none."""

    items: Annotated[tuple[TaskCreate, ...], Field(min_length=1, max_length=200)]


@router.post("/video", status_code=202, openapi_extra=_BODY)
async def video(request: Request, user: User, here: Here, prefer: Prefer = "", key: IdempotencyKey = None) -> Response:
    """Process a video: JSON that names one, or a form with `request` (JSON) and `file`."""
    async with _asked(request, here, user, "video") as asked:
        if asked.kind != "video":
            raise errors.InvalidRequest(errors=(FieldError(pointer="/at_s", code="unknown_field"),))
        task = await _made(request, here, user, asked, key)
    return await _answer(request, here, task, prefer)


@router.post("/image", status_code=202, openapi_extra=_BODY)
async def image(request: Request, user: User, here: Here, prefer: Prefer = "", key: IdempotencyKey = None) -> Response:
    """Process a still: a form with `file`, or JSON with `{video_id, at_s}` or `{image_id}`."""
    async with _asked(request, here, user, "background") as asked:
        if asked.kind != "image":
            raise errors.InvalidRequest(errors=(FieldError(pointer="/at_s", code="missing"),))
        task = await _made(request, here, user, asked, key)
    return await _answer(request, here, task, prefer)


@router.post("/batch", status_code=202)
async def batch(
    body: Batch, request: Request, response: Response, user: User, here: Here, key: IdempotencyKey = None
) -> dict[str, Any]:
    """Make many tasks at once. An error names the wrong item in `params.item`, and nothing is made."""
    known = await key_of(request, "process_batch", key)
    items = [await submission(here, user, _whole(item)) for item in body.items]
    row = await submitted(here, lambda work, plans: batching.create(work, here.rules, user.id, items, known, plans))
    response.headers["Location"] = f"/api/v1/batches/{row.id}"
    pictures = await here.database.read(lambda work: looking.many(work, tasks.of_batch(work, row.id)))
    return views.batch(row, pictures, here.links, here.clock())


@asynccontextmanager
async def _asked(request: Request, here: Context, user: Users, kind: Kind) -> AsyncIterator[TaskCreate]:
    """What to do, from JSON or from a form whose file is uploaded first, and goes again when the block refuses."""
    if not _is_form(request):
        yield _whole(node_auth.parsed(TaskCreate, await request.body()))
        return
    row, fields = await media_routes.receive_form(request, here, user, kind)
    try:
        spec = node_auth.parsed(TaskCreate, fields.get("request", "{}").encode())
        if spec.source_id is not None:
            raise errors.InvalidRequest("A form brings its own source")
        yield _whole(spec.model_copy(update={"video_id" if kind == "video" else "image_id": row.id}))
    except errors.CoordinatorError:
        await uploads.take_back(here.uploads, row)
        raise


def _whole(spec: TaskCreate) -> TaskCreate:
    missing = [name for name, value in (("video_id", spec.source_id), ("background", spec.background)) if value is None]
    if missing:
        raise errors.InvalidRequest(errors=tuple(FieldError(pointer=f"/{name}", code="missing") for name in missing))
    return spec


async def _made(request: Request, here: Context, user: Users, spec: TaskCreate, key: str | None) -> Tasks:
    asked: Submission = await submission(here, user, spec)
    known = await key_of(request, "process", key) if not _is_form(request) else None
    return await submitted(here, lambda work, plans: submissions.create(work, here.rules, asked, known, plans))


async def _answer(request: Request, here: Context, task: Tasks, prefer: str) -> Response:
    """The task, or the picture itself, after the wait that `Prefer` asks for."""
    found = _WAIT.search(prefer)
    over = found is not None and await here.watch.ended(task.id, min(int(found[1]), MOST_WAIT_S))
    if over and request.headers.get("accept", "").startswith("image/"):
        picture = await here.database.read(lambda work: artifacts.result(work, task.id, task.outputs[0]))
        if picture is not None:
            return await _picture(request, here, picture)
    body = await here.database.read(lambda work: shown(here, work, submissions.find(work, task.user_id, task.id)))
    headers = {"Location": f"/api/v1/tasks/{task.id}"}
    return views.json_response(body, 200 if over else 202, headers)


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("multipart/form-data")


async def _picture(request: Request, here: Context, result: Results) -> Response:
    path = here.files.result(result.task_id, result.step_id, result.attempt_id, Output(result.output))
    return await serve_file(request, path, etag=result.sha256, content_type=result.content_type)
