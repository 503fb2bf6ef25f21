"""A coordinator that lets nobody in by itself: nodes join it by hand and take no work."""

import contextlib
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import BrowserContext, Page
from sqlalchemy import create_engine, insert, select

from coordinator.api.page_cookie import cookie_name
from coordinator.gateway.passwords import hash_now
from coordinator.gateway.tokens import Tokens
from coordinator.ids import new_id
from coordinator.store.schema import row_of, table
from coordinator.store.tables import Attempts, Samples, Users
from tests.browser.visitor import Visitor
from tests.coordinator.api.joined import Node, join
from tests.coordinator.conftest import PASSWORD, Server, serving, settings_in

CARD = {"index": 0, "name": "NVIDIA H100 80GB", "vram_mb": 81_559}
CUDA = {"name": "selfie", "provider": "CUDAExecutionProvider", "warm": True, "speed_fps": 412.5}
LOAD = {"index": 0, "util": 64.0, "vram_used_mb": 23_400, "temperature_c": 71.0}


class Office:
    """The coordinator, and a program's client of its administrator."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = server.url
        self.tokens = Tokens(server.settings.jwt_secret, server.settings.jwt_expires_in)
        self._engine = create_engine(server.settings.database_url)
        self._hash = hash_now(PASSWORD)
        with self._engine.connect() as connection:
            self._administrator = str(connection.scalar(select(table(Users).c.id)))
        self.admin = self.client(self._administrator)

    def close(self) -> None:
        """Let go of the database and the connections."""
        self.admin.close()
        self._engine.dispose()

    def node(self, name: str, *, approved: bool) -> Node:
        """A node with a card that has just said how it is."""
        node = join(self.server, name=name, gpus=[CARD], models=[CUDA], slots=2)
        if approved:
            self.admin.put(f"/admin/interfaces/{node.interface_id}/approve").raise_for_status()
        node.beat(1, gpus=[LOAD], disk_free_mb=512_000).raise_for_status()
        return node

    def account(self, name: str) -> str:
        """The id of a new account whose password is PASSWORD; hashing that anew would cost half a second each time."""
        row = {"id": new_id(), "username": name, "password_hash": self._hash, "role": "user", "created_at": time.time()}
        with self._engine.begin() as connection:
            connection.execute(insert(table(Users)), row_of(Users, row))
        return str(row["id"])

    def client(self, user_id: str) -> httpx.Client:
        """A program's client of an account; close it."""
        return self.server.client(self.tokens.issue(user_id, 1, time.time()))

    def let_in(self, context: BrowserContext, user_id: str = "") -> None:
        """Make a browser that of somebody who has logged in: the administrator unless another is named."""
        token = self.tokens.issue_page(user_id or self._administrator, 1, time.time())
        context.add_cookies([{"name": cookie_name(self.url), "value": token, "url": self.url}])
        context.add_init_script("localStorage.setItem('segfleet.session', '1')")

    def admit(self, visitor: Visitor, user_id: str = "", path: str = "/") -> Page:
        """`let_in`, and open an address."""
        self.let_in(visitor.context, user_id)
        return visitor.go(path)

    def waiting(self, user_id: str, clip: Path, names: tuple[str, ...]) -> None:
        """A waiting task of the account for each name."""
        with self.client(user_id) as client:
            for name in names:
                video = client.post("/videos", files={"file": (name, clip.read_bytes())}).raise_for_status().json()
                body = {"video_id": video["id"], "background": {"kind": "color", "color": "#204060"}}
                client.post("/tasks", json=body).raise_for_status()

    def broken(self, node: Node, code: str) -> None:
        """The node has failed at a part of a task that is gone by now."""
        now = time.time()
        row: dict[str, Any] = {
            "id": new_id(),
            "step_id": new_id(),
            "task_id": new_id(),
            "interface_id": node.interface_id,
        }
        row |= {"state": "failed", "lane": "pull", "provider": "CUDAExecutionProvider", "error": {"code": code}}
        row |= {"lease_until": now, "progress_at": now, "offered_at": now - 9, "started_at": now - 8, "ended_at": now}
        with self._engine.begin() as connection:
            connection.execute(insert(table(Attempts)), row_of(Attempts, row))

    def past(self, minutes: int) -> None:
        """As many minutes of history as the plots need to look like something."""
        now = int(time.time()) // 60 * 60 - 60
        with self._engine.begin() as connection:
            connection.execute(insert(table(Samples)), [_minute(now - 60 * back, back) for back in range(2, minutes)])


def _minute(at: int, back: int) -> dict[str, int]:
    wave = round(10 + 10 * math.sin(back / 25))
    return {
        "at": at, "waiting_tasks": wave, "waiting_steps": 3 * wave, "busy_slots": min(4, wave), "slots": 4,
        "completed": wave // 4, "failed": int(back % 50 == 7), "cancelled": 0, "frames": 9_000 + 1_500 * min(4, wave),
        "attempts_done": 5 + wave, "attempts_failed": int(back % 25 < 3),
    }  # fmt: skip


@contextlib.contextmanager
def opened(home: Path) -> Iterator[Office]:
    """An office on a free port until the block ends."""
    settings = settings_in(home, INTERFACE_APPROVAL="manual")
    with serving(settings) as server, contextlib.closing(Office(server)) as office:
        office.past(300)
        yield office
