"""The live socket alone, on real HTTP and a real database, with bounds that a test need not wait for."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import uvicorn
from fastapi import FastAPI
from starlette.middleware import Middleware
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from coordinator.api import live_running
from coordinator.api.authentication import Authentication
from coordinator.api.live_audience import Bounds
from coordinator.api.live_feed import Hub
from coordinator.api.live_transport import LiveProtocol
from coordinator.api.routes import live
from coordinator.app import compose
from coordinator.domain.news import TaskChanged
from coordinator.gateway.tokens import Tokens
from coordinator.ids import new_id
from coordinator.services.context import Context
from coordinator.settings import Settings
from coordinator.store import events, history, users
from coordinator.store.work import Work
from protocol.base import TaskId, UserId
from tests.system.patience import until

T = TypeVar("T")
Json = dict[str, Any]
SECONDS = 60.0
BRISK = Bounds(of_account=3, send_s=2.0, ping_s=0.2, rights_s=0.1, tick_s=0.05)


@dataclass
class Live:
    """A running server: whoever has a token of it may connect."""

    port: int
    here: Context
    hub: Hub
    loop: asyncio.AbstractEventLoop

    def run(self, unit: Callable[[Work], T]) -> T:
        """Write as the program does."""
        return asyncio.run_coroutine_threadsafe(self.here.database.write(unit), self.loop).result(SECONDS)

    def quiet(self) -> int:
        """Wait until nobody is connected and nothing is remembered; the newest number."""
        until(lambda: not self.hub.audience.open and self.hub.position is None, SECONDS, "everybody has left")
        return self.here.database.look(history.newest)

    def account(self, role: str = "user") -> str:
        """An account's id."""
        key = new_id()
        row = {"id": key, "username": key, "password_hash": "", "role": role, "created_at": 0.0}
        self.run(lambda work: users.add(work, **row | {"version": 1, "disabled": False}))
        return key

    def token(self, user_id: str, life_s: int = 600) -> str:
        """A bearer token of version 1."""
        return Tokens(self.here.settings.jwt_secret, life_s).issue(user_id, 1, time.time())

    def cookie(self, user_id: str) -> str:
        """The page's cookie, as a header has it."""
        return f"segfleet={self.here.tokens.issue_page(user_id, 1, time.time())}"

    def happens(self, user_id: str, kind: str = "waiting", times: int = 1, **data: object) -> None:
        """Events of a task that is gone."""

        def unit(work: Work) -> None:
            for _ in range(times):
                events.record(work, kind, f"task-of-{user_id}", user_id, **data)

        self.run(unit)

    def moves(self, user_id: str, task_id: str) -> None:
        """Only numbers of a task change."""
        self.run(lambda work: work.announce(TaskChanged(TaskId(task_id), UserId(user_id))))

    @contextmanager
    def connect(self, **more: Any) -> Iterator[ClientConnection]:
        """A socket that has said nothing."""
        with connect(f"ws://127.0.0.1:{self.port}/api/v1/ws", proxy=None, max_size=None, **more) as opened:
            yield opened

    @contextmanager
    def hears(self, user_id: str, **more: Any) -> Iterator[ClientConnection]:
        """A socket that said who it is; its `hello` was not yet read."""
        with self.connect() as said:
            said.send(json.dumps({"type": "auth", "token": self.token(user_id), **more}))
            yield said


@contextmanager
def live_server(settings: Settings, bounds: Bounds) -> Iterator[Live]:
    """Run it in a thread, on a free port of the loopback."""
    made: list[Live] = []
    ready = threading.Event()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, object]]:
        here = compose(settings)
        async with AsyncExitStack() as stack:
            here.database.open(here.feed.publish)
            stack.push_async_callback(here.database.close)
            hub = await stack.enter_async_context(live_running.running(here, bounds))
            made.append(Live(port, here, hub, asyncio.get_running_loop()))
            ready.set()
            yield {"context": here, "live": hub}

    proof = Middleware(Authentication, trusted=(), site=settings.api_base_url)
    app = FastAPI(lifespan=lifespan, middleware=[proof])
    app.include_router(live.router, prefix="/api/v1")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        port = listener.getsockname()[1]
        config = uvicorn.Config(app, log_config=None, ws=LiveProtocol, ws_per_message_deflate=False, lifespan="on")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="live")
        thread.start()
        try:
            assert ready.wait(SECONDS), "the server did not start"
            yield made[0]
        finally:
            server.should_exit = True
            thread.join(SECONDS)
            assert not thread.is_alive(), "the server did not stop"


def heard(socket: ClientConnection) -> Json:
    """The next message that is no ping."""
    while True:
        message = dict(json.loads(socket.recv(SECONDS)))
        if message["type"] != "ping":
            return message


def hello(socket: ClientConnection) -> int:
    """The number from which on events come."""
    message = heard(socket)
    assert message["type"] == "hello", message
    return int(message["seq"])


def to_the_end(socket: ClientConnection) -> tuple[list[Json], tuple[int, str]]:
    """What is said until the other side closes, without pings, and how it does."""
    said: list[Json] = []
    while True:
        try:
            said.append(heard(socket))
        except ConnectionClosed as end:
            return said, (end.rcvd.code, end.rcvd.reason) if end.rcvd is not None else (1006, "")


def closed(socket: ClientConnection) -> tuple[int, str]:
    """How the other side closes; what it says before is thrown away."""
    return to_the_end(socket)[1]
