"""Files behind signed links: uploads, thumbnails, results. `<video>` and `<img>` open them without a header."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple

from fastapi import APIRouter, Query, Request, Response

from coordinator.api.deps import Here
from coordinator.api.serving import serve_file
from coordinator.domain.media import SUFFIXES
from coordinator.errors import NotFound
from coordinator.gateway import file_names
from coordinator.services import looking
from coordinator.services.context import Context
from coordinator.settings import Settings
from coordinator.store import artifacts, media, tasks

THUMBNAIL_AGE_S: Final = 3600
Expiry = Annotated[str | None, Query(max_length=12)]
Signature = Annotated[str | None, Query(max_length=64)]
Download = Annotated[bool, Query()]


class _Found(NamedTuple):
    """A file with what its headers say."""

    path: Path
    sha256: str
    content_type: str
    name: str


def router(settings: Settings) -> APIRouter:
    """The routes; uploads lie below the paths that the settings name."""
    made = APIRouter(tags=["files"])
    paths = {settings.upload_url_path: "video", settings.upload_backgrounds_url_path: "background"}
    for path, name in paths.items():
        _add(made, f"/{path}/{{media_id}}", upload, name)
    _add(made, "/thumbnails/{kind}/{object_id}", thumbnail, "thumbnail")
    _add(made, "/results/{task_id}/{output}", result, "result")
    _add(made, "/results/{task_id}/steps/{step_id}/{output}", part, "part")
    return made


def _add(made: APIRouter, path: str, endpoint: Callable[..., Awaitable[Response]], name: str) -> None:
    made.add_api_route(path, endpoint, methods=["GET"], name=name, response_class=Response)
    made.add_api_route(path, endpoint, methods=["HEAD"], name=f"{name}_head", include_in_schema=False)


async def upload(
    media_id: str, request: Request, here: Here, exp: Expiry = None, sig: Signature = None, download: Download = False
) -> Response:
    """A video or background as it was sent."""
    here.links.verify(request.url.path, exp, sig, here.clock())
    return await _send(request, await _upload(here, media_id), download)


async def thumbnail(
    kind: Literal["video", "background", "task"],
    object_id: str,
    request: Request,
    here: Here,
    exp: Expiry = None,
    sig: Signature = None,
) -> Response:
    """A small JPEG."""
    here.links.verify(request.url.path, exp, sig, here.clock())
    return await _send_thumbnail(request, here.files.thumbnail(kind, object_id))


async def result(
    task_id: str,
    output: str,
    request: Request,
    here: Here,
    exp: Expiry = None,
    sig: Signature = None,
    download: Download = False,
) -> Response:
    """What a task made."""
    here.links.verify(request.url.path, exp, sig, here.clock())
    return await _send(request, await _result(here, task_id, output), download)


async def part(
    task_id: str,
    step_id: str,
    output: str,
    request: Request,
    here: Here,
    exp: Expiry = None,
    sig: Signature = None,
    download: Download = False,
) -> Response:
    """What a finished step of a task made, while it is kept."""
    here.links.verify(request.url.path, exp, sig, here.clock())
    return await _send(request, await _part(here, task_id, step_id, output), download)


async def _upload(here: Context, media_id: str) -> _Found:
    row = await here.database.read(lambda work: media.get(work, media_id))
    if row is None:
        raise NotFound(kind="file", id=media_id)
    return _Found(here.files.media(row.kind, row.id), row.sha256, row.content_type, row.name)


async def _result(here: Context, task_id: str, output: str) -> _Found:
    task = await here.database.read(lambda work: tasks.get(work, task_id))
    row = await here.database.read(lambda work: artifacts.result(work, task_id, output))
    if task is None or row is None:
        raise NotFound(kind="result", id=task_id, output=output)
    path = here.files.result(row.task_id, row.step_id, row.attempt_id, row.output)
    name = f"{file_names.stem(task.source_name)}-{output}{SUFFIXES.get(row.content_type, '')}"
    return _Found(path, row.sha256, row.content_type, name)


async def _part(here: Context, task_id: str, step_id: str, output: str) -> _Found:
    found = await here.database.read(lambda work: looking.part(work, task_id, step_id, output))
    path = here.files.result(task_id, step_id, found.made.attempt_id, output)
    name = f"{file_names.stem(found.task.source_name)}-{found.step.kind}-{found.step.ord}-{output}"
    return _Found(
        path, found.made.sha256 or "", found.made.content_type, name + SUFFIXES.get(found.made.content_type, "")
    )


async def _send(request: Request, found: _Found, download: bool) -> Response:
    return await serve_file(
        request,
        found.path,
        etag=found.sha256,
        content_type=found.content_type,
        filename=found.name if download else None,
    )


async def _send_thumbnail(request: Request, path: Path) -> Response:
    """Thumbnails have no row; they are small enough to be hashed when they are asked for."""
    try:
        content = await asyncio.to_thread(path.read_bytes)
    except FileNotFoundError as error:
        raise NotFound from error
    digest = hashlib.sha256(content).hexdigest()
    return await serve_file(request, path, etag=digest, content_type="image/jpeg", max_age=THUMBNAIL_AGE_S)
