"""Resumable uploads: tus 1.0 (https://tus.io/protocols/resumable-upload), and the list of what is unfinished."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Request, Response

from coordinator.api import tus
from coordinator.api.deps import Here, User
from coordinator.api.paths import UPLOADS
from coordinator.clock import rfc3339
from coordinator.services import resuming
from coordinator.services.resuming import Progress

router = APIRouter(prefix="/uploads", tags=["uploads"])
MOST_BYTES: Final = 2**53
Length = Annotated[int, Header(ge=0, le=MOST_BYTES)]
BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
PIECE_BODY: Final[dict[str, Any]] = {"requestBody": {"required": True, "content": {tus.PIECE_TYPE: BINARY}}}
FIRST_BODY: Final[dict[str, Any]] = {"requestBody": {"required": False, "content": {tus.PIECE_TYPE: BINARY}}}


@router.options("", status_code=204)
@router.options("/{upload_id}", status_code=204, operation_id="uploads_describe_one")
async def describe(here: Here) -> Response:
    """What this server can: versions, extensions, the largest file."""
    return Response(status_code=204, headers=tus.described(here.uploads.limit))


@router.post("", status_code=201, openapi_extra=FIRST_BODY)
async def begin(request: Request, user: User, here: Here, upload_length: Length) -> Response:
    """Announce a file of `Upload-Length` bytes; `Upload-Metadata` names it (`filename`) and its `kind`, video or
    background. `Location` is where its pieces go; the first may come along."""
    wish = tus.wish(request, upload_length)
    if tus.has_piece(request):
        found = await resuming.begin_with(here.uploads, user, wish, tus.piece(request, 0))
    else:
        found = Progress(await resuming.begin(here.uploads, user, wish), 0)
    return Response(status_code=201, headers={**tus.headers_of(found), "Location": f"{UPLOADS}/{found.upload.id}"})


@router.get("")
async def index(user: User, here: Here) -> dict[str, Any]:
    """What was begun and not ended, newest first."""
    return {"items": [_view(found) for found in await resuming.unfinished(here.uploads, user)], "next": None}


@router.head("/{upload_id}")
async def look(upload_id: str, user: User, here: Here) -> Response:
    """How much of an upload is durable, and in `Content-Location` what a finished one became."""
    found = await resuming.look(here.uploads, user, upload_id)
    metadata = {"Upload-Metadata": found.upload.said} if found.upload.said else {}
    return Response(headers={**tus.headers_of(found), "Upload-Length": str(found.upload.size), **metadata})


@router.patch("/{upload_id}", status_code=204, openapi_extra=PIECE_BODY)
async def go_on(upload_id: str, request: Request, user: User, here: Here, upload_offset: Length) -> Response:
    """Bytes from `Upload-Offset` on. The answer to the last of them comes when the file was examined."""
    found = await resuming.go_on(here.uploads, user, upload_id, tus.piece(request, upload_offset))
    return Response(status_code=204, headers=tus.headers_of(found))


@router.delete("/{upload_id}", status_code=204)
async def remove(upload_id: str, user: User, here: Here) -> None:
    """Give an upload up. What a finished one became stays."""
    await resuming.remove(here.uploads, user, upload_id)


def _view(found: Progress) -> dict[str, Any]:
    row = found.upload
    return {
        "id": row.id,
        "name": row.name,
        "kind": row.kind,
        "size": row.size,
        "offset": found.offset,
        "created_at": rfc3339(row.created_at),
        "expires_at": rfc3339(row.expires_at),
    }
