import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from coordinator.api.body_limits import JSON_BYTES, SLACK_BYTES, BodyLimits
from coordinator.errors import Stalled, TooLarge
from protocol.reports import PIECE_BYTES

FILE_BYTES = 3 * 1024 * 1024
Message = MutableMapping[str, Any]


async def count(request: Request) -> Response:
    total = 0
    async for piece in request.stream():
        total += len(piece)
    return PlainTextResponse(str(total))


def app(stall_s: float = 30) -> BodyLimits:
    methods = ["POST", "PUT", "PATCH"]
    return BodyLimits(Starlette(routes=[Route("/{path:path}", count, methods=methods)]), FILE_BYTES, stall_s)


async def send_body(
    method: str, path: str, content_type: str, receive: Callable[[], Awaitable[Message]], stall_s: float = 30
) -> int:
    """The status of the answer; the limits' own errors come out as they are."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-type", content_type.encode())]
    scope = {"type": "http", "method": method, "path": path, "headers": headers, "query_string": b"", "state": {}}
    await app(stall_s)(scope, receive, send)
    return int(sent[0]["status"])


def body_of(size: int, piece: int = 64 * 1024) -> Callable[[], Awaitable[Message]]:
    left = size

    async def receive() -> Message:
        nonlocal left
        now = min(left, piece)
        left -= now
        return {"type": "http.request", "body": b"x" * now, "more_body": left > 0}

    return receive


@pytest.mark.parametrize(
    ("method", "path", "content_type", "most"),
    [
        ("POST", "/api/v1/tasks", "application/json", JSON_BYTES),
        ("POST", "/api/v1/tasks", "multipart/form-data; boundary=x", JSON_BYTES),
        ("POST", "/api/v1/videos", "multipart/form-data; boundary=x", FILE_BYTES + SLACK_BYTES),
        ("POST", "/api/v1/videos", "application/json", JSON_BYTES),
        ("PATCH", "/api/v1/uploads/x", "application/offset+octet-stream", FILE_BYTES + SLACK_BYTES),
        ("POST", "/api/v1/process/video", "multipart/form-data", FILE_BYTES + SLACK_BYTES),
        ("POST", "/api/v1/interfaces/heartbeat", "application/json", JSON_BYTES),
        ("PUT", "/api/v1/interfaces/artifacts/a/composite", "application/octet-stream", PIECE_BYTES + SLACK_BYTES),
    ],
)
async def test_a_body_may_have_what_its_route_is_for_and_no_byte_more(
    method: str, path: str, content_type: str, most: int
) -> None:
    assert await send_body(method, path, content_type, body_of(most)) == 200
    with pytest.raises(TooLarge) as raised:
        await send_body(method, path, content_type, body_of(most + 1))
    named = {FILE_BYTES + SLACK_BYTES: FILE_BYTES, PIECE_BYTES + SLACK_BYTES: PIECE_BYTES}
    assert raised.value.params == {"limit": named.get(most, most)}


async def test_a_body_that_falls_silent_is_given_up() -> None:
    pieces: asyncio.Queue[Message] = asyncio.Queue()
    pieces.put_nowait({"type": "http.request", "body": b"{", "more_body": True})
    with pytest.raises(Stalled):
        await send_body("POST", "/api/v1/tasks", "application/json", pieces.get, stall_s=0.05)


async def test_waiting_for_the_caller_to_leave_after_the_body_is_no_stall() -> None:
    pieces: asyncio.Queue[Message] = asyncio.Queue()
    pieces.put_nowait({"type": "http.request", "body": b"", "more_body": False})
    outcome: list[str] = []

    async def long_poll(scope: Any, receive: Callable[[], Awaitable[Message]], send: Any) -> None:
        await receive()
        waiting = asyncio.ensure_future(receive())
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        outcome.append("broken" if done else "still waiting")
        pieces.put_nowait({"type": "http.disconnect"})
        outcome.append((await waiting)["type"])

    scope = {"type": "http", "method": "POST", "path": "/api/v1/interfaces/next", "headers": []}
    await BodyLimits(long_poll, FILE_BYTES, stall_s=0.05)(scope, pieces.get, lambda message: asyncio.sleep(0))
    assert outcome == ["still waiting", "http.disconnect"]
