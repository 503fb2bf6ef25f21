"""One log line a request with its ids, `X-Request-ID` on every answer, and the answer when something breaks."""

import logging
import re
from collections.abc import Callable

import structlog
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coordinator.api.errors import error_response, problem
from coordinator.errors import AccountError, CoordinatorError
from coordinator.ids import new_id

access = logging.getLogger("coordinator.access")
log = structlog.stdlib.get_logger("coordinator.access")
broken = logging.getLogger("coordinator.api")
HEADER = "X-Request-ID"
CHATTER = ("/api/v1/interfaces/callbacks/", "/api/v1/interfaces/heartbeat", "/api/v1/interfaces/next")
"""Logged at DEBUG while all is well."""
_RAW = HEADER.lower().encode()
_GIVEN = re.compile(rb"[A-Za-z0-9_-]{1,64}")


class RequestLog:
    """Outermost: every answer gets an id (the caller's, if it looks like one) and every request a line.

    The query string is in no line: links carry their signatures there.
    """

    def __init__(self, app: ASGIApp, monotonic: Callable[[], float]) -> None:
        self.app = app
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _given(scope) or new_id()
        scope["state"]["request_id"] = request_id
        status, began = 499, self._monotonic()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (_RAW, request_id.encode())]
            await send(message)

        before = structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self.app(scope, receive, send_with_id)
        finally:
            took = self._monotonic() - began
            _observe(scope, status, took)
            # a line a second from every attempt would bury the others
            level = logging.DEBUG if status == 200 and scope["path"].startswith(CHATTER) else logging.INFO
            if access.isEnabledFor(level):
                ms = round(took * 1000, 1)
                log.log(level, "request", method=scope["method"], status=status, ms=ms, **_facts(scope))
            structlog.contextvars.reset_contextvars(**before)


def _given(scope: Scope) -> str | None:
    """The caller's own id, if it looks like one."""
    found = next((value for name, value in scope["headers"] if name == _RAW), b"")
    return found.decode() if _GIVEN.fullmatch(found) else None


def _observe(scope: Scope, status: int, seconds: float) -> None:
    """Count the request under its route's template, never under its path."""
    context = scope["state"].get("context")
    if context is not None:
        route = getattr(scope.get("route"), "path", "") or (CHATTER[0] if scope["path"].startswith(CHATTER[0]) else "-")
        context.gauges.observe(scope["method"], route, status, seconds)


def _facts(scope: Scope) -> dict[str, str]:
    """Who and what: the path, the ids in it, the account and the address."""
    ids = {name: str(value) for name, value in scope.get("path_params", {}).items() if name.endswith("_id")}
    account = scope["state"].get("account")
    who = {} if account is None or isinstance(account, AccountError) else {"account_id": account.id}
    return {"path": scope["path"], "client": scope["state"].get("address", ""), **who, **ids}


class LastResort:
    """Turns what no handler caught into an answer; the details stay in the log."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        language = Headers(scope=scope).get("accept-language", "")
        try:
            await self.app(scope, receive, watched)
        except ClientDisconnect:
            return
        except CoordinatorError as error:
            answer = error_response(error, language)
        except Exception:  # noqa: BLE001 - the edge of every request
            broken.exception("request_broke")
            answer = problem("internal", language)
        else:
            return
        if not started:
            await answer(scope, receive, send)
