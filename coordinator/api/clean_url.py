"""No id, filter or cursor holds a control character; PostgreSQL would break on NUL where SQLite shrugs."""

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from coordinator.api.errors import problem
from protocol.problems import FieldError

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_ESCAPED = re.compile(rb"%(?:[01][0-9a-f]|7f)", re.IGNORECASE)


class CleanUrl:
    """A path with a control character names nothing (404); a query with one is refused (422)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            language = Headers(scope=scope).get("accept-language", "")
            if _CONTROL.search(scope["path"]):
                await problem("not_found", language)(scope, receive, send)
                return
            if _ESCAPED.search(scope.get("query_string", b"")):
                errors = (FieldError(pointer="query", code="control_character"),)
                await problem("invalid_request", language, errors=errors)(scope, receive, send)
                return
        await self.app(scope, receive, send)
