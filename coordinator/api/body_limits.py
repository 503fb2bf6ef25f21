"""How much a body may have and how long it may be silent, whatever its headers promise."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coordinator.api.errors import error_response
from coordinator.api.paths import FILES, NODES
from coordinator.errors import CoordinatorError, Stalled, TooLarge
from protocol.reports import PIECE_BYTES

JSON_BYTES = 1024 * 1024
SLACK_BYTES = 1024 * 1024
"""A file's own limit is its route's business; what stands around it in a multipart body is less than this."""
STALL_S = 30.0


class BodyLimits:
    """Refuses a body that announces too much, and ends one that turns out so or falls silent.

    Routes that read see `TooLarge` or `Stalled` come out of `receive`.
    """

    def __init__(self, app: ASGIApp, file_bytes: int, stall_s: float = STALL_S) -> None:
        self.app = app
        self.file_bytes = file_bytes
        self.stall_s = stall_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit, slack = self._limit(scope["method"], scope["path"], headers.get("content-type", ""))
        announced = headers.get("content-length", "")
        if announced.isascii() and announced.isdigit() and int(announced) > limit + slack:
            refusal = error_response(TooLarge(limit=limit), headers.get("accept-language", ""))
            await refusal(scope, receive, send)
            return
        await self.app(scope, _Bounded(receive, limit, slack, self.stall_s), send)

    def _limit(self, method: str, path: str, content_type: str) -> tuple[int, int]:
        """How long what is sent may be, and what may stand around it."""
        if path.startswith(NODES) and method in {"PUT", "PATCH"}:
            return PIECE_BYTES, SLACK_BYTES
        is_json = content_type.split(";")[0].strip().endswith("json")
        return (self.file_bytes, SLACK_BYTES) if path.startswith(FILES) and not is_json else (JSON_BYTES, 0)


class _Bounded:
    """`receive` that counts, and that waits for the next piece of a body only so long."""

    def __init__(self, receive: Receive, limit: int, slack: int, stall_s: float) -> None:
        self._receive = receive
        self._left = limit + slack
        self._limit = limit
        self._stall_s = stall_s
        self._error: CoordinatorError | None = None
        self._whole = False

    async def __call__(self) -> Message:
        if self._whole:
            return await self._receive()
        if self._error is not None:
            raise self._error
        try:
            async with asyncio.timeout(self._stall_s):
                message = await self._receive()
        except TimeoutError:
            self._error = Stalled(after_s=self._stall_s)
            raise self._error from None
        self._whole = message["type"] != "http.request" or not message.get("more_body", False)
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            self._error = TooLarge(limit=self._limit)
            self._whole = False
            raise self._error
        return message
