"""The users' pages: one document for every address of theirs, and the files that it loads."""

import re
from typing import Final

from fastapi import APIRouter, Request, Response

from coordinator.api import pages
from coordinator.api.pages import Asset
from coordinator.api.paths import PAGES
from coordinator.errors import NotFound

ADDRESSES: Final = (
    "/",
    "/login",
    "/register",
    "/tasks",
    "/tasks/{rest:path}",
    "/new",
    "/new/{rest:path}",
    "/library",
    "/library/{rest:path}",
    "/account",
    "/account/{rest:path}",
    "/admin",
    "/admin/{rest:path}",
)
"""What a browser may be opened with; `web/routes.js` knows which page each of them shows."""
YEAR_S: Final = 31_536_000
_HOST: Final = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Vary": "Accept-Encoding",
}

router = APIRouter(include_in_schema=False)


async def document(request: Request) -> Response:
    """The one document; it is asked for again each time and names its assets by their version."""
    return _send(request, pages.site().index, "no-cache")


@router.get(f"{PAGES}{{version}}/{{name:path}}")
async def asset(version: str, name: str, request: Request) -> Response:
    """One file. Below this program's version it never changes; a page of another version gets it, too, but unkept."""
    site = pages.site()
    found = site.assets.get(name)
    if found is None:
        raise NotFound(kind="page", id=name)
    kept = f"public, max-age={YEAR_S}, immutable" if version == site.version else "no-cache"
    return _send(request, found, kept)


for _address in ADDRESSES:
    router.add_api_route(_address, document, methods=["GET", "HEAD"], response_class=Response)


def policy(host: str) -> str:
    """The Content-Security-Policy. Not every browser lets 'self' stand for the socket of the same host."""
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
        f"connect-src 'self'{sockets}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _send(request: Request, asset: Asset, kept: str) -> Response:
    headers = {
        **_HEADERS,
        "Content-Security-Policy": policy(request.headers.get("host", "")),
        "Cache-Control": kept,
        "ETag": f'"{asset.etag}"',
    }
    if request.headers.get("if-none-match", "").removeprefix("W/") == f'"{asset.etag}"':
        return Response(status_code=304, headers=headers)
    packed = "gzip" in request.headers.get("accept-encoding", "")
    if packed:
        headers["Content-Encoding"] = "gzip"
    body = asset.packed if packed else asset.plain
    return Response(body, 200, headers, asset.content_type)
