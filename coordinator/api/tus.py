"""tus 1.0 in headers: which version is spoken, what a request says, and what an answer says of an upload."""

import base64
from email.utils import formatdate
from typing import Final, cast

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coordinator.api.errors import problem
from coordinator.api.paths import API, UPLOADS
from coordinator.errors import InvalidRequest, UnsupportedMediaType
from coordinator.gateway.digests import ALGORITHMS, Checksum
from coordinator.services.resuming import Piece, Progress, Wish
from coordinator.services.uploads import Kind
from coordinator.store.tables import Uploads
from protocol.problems import FieldError

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,creation-with-upload,expiration,termination,checksum"
PIECE_TYPE: Final = "application/offset+octet-stream"
METADATA_CHARS: Final = 4096
PLACES: Final = {"video": "videos", "background": "backgrounds"}
"""The collection that an upload of each kind becomes a part of."""
_UNSAID: Final = {"POST": "", "HEAD": "", "PATCH": "", "DELETE": VERSION}
"""What a request speaks that does not say so. A DELETE is what it would be anywhere in the API."""
_METHODS: Final = frozenset({"PATCH", "DELETE"})


class Tus:
    """Below /api/v1/uploads: every answer says the version, a request in another is refused before anything else.

    A POST with `X-HTTP-Method-Override` becomes the PATCH or DELETE that its sender could not make.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not f"{scope['path']}/".startswith(f"{UPLOADS}/"):
            await self.app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"tus-resumable", VERSION.encode())]
            await send(message)

        headers = Headers(scope=scope)
        meant = headers.get("x-http-method-override", "").upper()
        if scope["method"] == "POST" and meant in _METHODS:
            scope["method"] = meant
        if scope["method"] in _UNSAID and headers.get("tus-resumable", _UNSAID[scope["method"]]) != VERSION:
            answer = problem(
                "tus_version",
                headers.get("accept-language", ""),
                params={"speaks": [VERSION]},
                headers={"Tus-Version": VERSION},
            )
            await answer(scope, receive, marked)
            return
        await self.app(scope, receive, marked)


def described(limit: int) -> dict[str, str]:
    """What OPTIONS says of a server that takes files of `limit` bytes."""
    return {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(limit),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }


def wish(request: Request, size: int) -> Wish:
    """What a creation asks for. InvalidRequest: its metadata cannot be read, or names no kind of ours."""
    said = request.headers.get("upload-metadata", "")
    if len(said) > METADATA_CHARS:
        raise _invalid("too_long")
    known = dict(_pair(pair) for pair in said.split(",") if pair.strip())
    kind = known.get("kind", "video")
    if kind not in PLACES:
        raise InvalidRequest(
            "kind is video or background", errors=(FieldError(pointer="header/upload-metadata/kind", code="enum"),)
        )
    return Wish(cast("Kind", kind), known.get("filename") or known.get("name", ""), size, said)


def piece(request: Request, offset: int) -> Piece:
    """The bytes that a request brings; they are not read yet. UnsupportedMediaType, UnsupportedChecksum."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != PIECE_TYPE:
        raise UnsupportedMediaType(accepts=[PIECE_TYPE])
    announced, said = request.headers.get("content-length", ""), request.headers.get("upload-checksum")
    coming = int(announced) if announced.isascii() and announced.isdigit() else None
    return Piece(offset, coming, Checksum.parse(said) if said is not None else None, request.stream())


def has_piece(request: Request) -> bool:
    """Whether a creation brings bytes."""
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def headers_of(found: Progress) -> dict[str, str]:
    """How far an upload is, until when it is kept, and what it became."""
    said = {"Upload-Offset": str(found.offset), **expiry(found.upload), "Cache-Control": "no-store"}
    if found.done:
        said["Content-Location"] = f"{API}/{PLACES[found.upload.kind]}/{found.upload.id}"
    return said


def expiry(upload: Uploads) -> dict[str, str]:
    """`Upload-Expires`."""
    return {"Upload-Expires": formatdate(upload.expires_at, usegmt=True)}


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.strip().partition(" ")
    try:
        return name, base64.b64decode(value.strip(), validate=True).decode()
    except ValueError as error:
        raise _invalid("base64") from error


def _invalid(code: str) -> InvalidRequest:
    return InvalidRequest(errors=(FieldError(pointer="header/upload-metadata", code=code),))
