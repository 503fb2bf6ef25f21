"""The five routes that videos and backgrounds have alike."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from starlette.requests import ClientDisconnect

from coordinator.api import cursors
from coordinator.api import views_media as views
from coordinator.api.deps import ClientAddress, Here, User
from coordinator.api.multipart import Form
from coordinator.errors import CoordinatorError
from coordinator.services import uploads
from coordinator.services.context import Context
from coordinator.services.uploads import Kind
from coordinator.store import media
from coordinator.store.tables import Media, Users

FIELD: Final = "file"
Sort = Literal["created_at", "-created_at", "name", "-name", "size", "-size", "duration", "-duration"]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=2000)]
Search = Annotated[str, Query(max_length=255)]
UPLOAD_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {FIELD: {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


def media_router(kind: Kind, path: str) -> APIRouter:
    """Upload, list, look at, delete: below `/path`."""
    router = APIRouter(prefix=f"/{path}", tags=[path])
    _add_list(router, kind)

    @router.post("", status_code=201, openapi_extra=UPLOAD_BODY)
    async def upload(request: Request, response: Response, user: User, here: Here) -> dict[str, Any]:
        """Send a file as the multipart field `file`; it is examined before the answer."""
        row = await receive(request, here, user, kind)
        response.headers["Location"] = f"/api/v1/{path}/{row.id}"
        return _view(here, row)

    @router.get("/{media_id}")
    async def one(media_id: str, user: User, here: Here) -> dict[str, Any]:
        """One upload."""
        return _view(here, await here.database.read(lambda work: uploads.find(work, user, kind, media_id)))

    @router.delete("/{media_id}", status_code=204)
    async def delete(media_id: str, user: User, here: Here, address: ClientAddress) -> None:
        """Delete an upload that no live task needs."""
        await uploads.remove(here.uploads, user, kind, media_id, address)

    return router


def _add_list(router: APIRouter, kind: Kind) -> None:
    @router.get("")
    async def index(
        user: User,
        here: Here,
        limit: Limit = 50,
        cursor: Cursor = None,
        q: Search = "",
        sort: Sort = "-created_at",
    ) -> dict[str, Any]:
        """What was uploaded, newest first unless sorted otherwise."""
        column = sort.removeprefix("-")
        after = cursors.decode(cursor, sort, str if column == "name" else float, str) if cursor else None
        rows = await here.database.read(
            lambda work: media.page(
                work, user_id=user.id, kind=kind, q=q, sort=sort, after=_pair(after), limit=limit + 1
            )
        )
        shown = rows[:limit]
        more = cursors.encode(sort, getattr(shown[-1], column), shown[-1].id) if len(rows) > limit else None
        return {"items": [_view(here, row) for row in shown], "next": more}


async def receive(request: Request, here: Context, user: Users, kind: Kind) -> Media:
    """Take the form's file in. One who is refused in mid-sending may finish, so that the answer arrives."""
    return (await receive_form(request, here, user, kind))[0]


async def receive_form(request: Request, here: Context, user: Users, kind: Kind) -> tuple[Media, dict[str, str]]:
    """`receive`, and the form's small fields."""
    form = Form(request)
    try:
        name = await form.open(FIELD)
        coming = int(request.headers.get("content-length", 0))
        return await uploads.receive(here.uploads, user, kind, name, form.chunks(), coming), form.fields
    except (CoordinatorError, ClientDisconnect):
        await form.linger()
        raise


def _view(here: Context, row: Media) -> dict[str, Any]:
    return views.media(row, here.links, here.settings.upload_days, here.clock())


def _pair(after: tuple[Any, ...] | None) -> tuple[Any, str] | None:
    return None if after is None else (after[0], after[1])
