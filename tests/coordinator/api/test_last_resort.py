from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coordinator.api import errors
from coordinator.api.request_log import LastResort, RequestLog
from coordinator.clock import monotonic
from coordinator.errors import BusyHashing, StorageUnavailable
from tests.coordinator.api.test_auth import code

SECRET_DETAIL = "the password of the database is swordfish"


class WithState:
    """What uvicorn gives: a place for the state of one request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "state": {}}, receive, send)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Routes that break, behind the two outermost layers."""
    app = FastAPI()
    errors.install(app)

    @app.get("/breaks")
    async def breaks() -> None:
        raise RuntimeError(SECRET_DETAIL)

    @app.get("/busy")
    async def busy() -> None:
        raise BusyHashing(retry_after_s=4.2)

    async def without_database(scope: Scope, receive: Receive, send: Send) -> None:
        raise StorageUnavailable("OperationalError")

    app.mount("/no-database", without_database)
    app.user_middleware.extend(
        [Middleware(WithState), Middleware(RequestLog, monotonic=monotonic), Middleware(LastResort)]
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_what_nobody_expected_is_a_500_that_tells_nothing(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await client.get("/breaks", headers={"Accept-Language": "zh"})
    assert code(answer) == (500, "internal")
    assert answer.json()["title"] == "服务器内部错误"
    assert "swordfish" not in answer.text
    assert answer.headers["x-request-id"]
    assert "swordfish" in caplog.text


async def test_a_refusal_says_when_to_come_back(client: httpx.AsyncClient) -> None:
    answer = await client.get("/busy")
    assert code(answer) == (503, "busy_hashing")
    assert answer.headers["retry-after"] == "5"


async def test_a_database_that_does_not_answer_is_said_so(client: httpx.AsyncClient) -> None:
    assert code(await client.get("/no-database/x")) == (503, "storage_unavailable")


async def test_an_answer_that_has_begun_is_not_begun_again() -> None:
    async def half(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError(SECRET_DETAIL)

    sent: list[Message] = []

    async def keep(message: Message) -> None:
        sent.append(message)

    async def nothing() -> Message:
        return {"type": "http.disconnect"}

    await LastResort(half)({"type": "http", "headers": []}, nothing, keep)
    assert [message["type"] for message in sent] == ["http.response.start"]
