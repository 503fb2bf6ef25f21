"""Somebody who always has a few tasks under way, changes their mind now and then, and notes what they were told."""

import contextlib
import random
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from scripts.faults.real import model
from scripts.faults.real.fleet import ADMIN, START_S, Fleet, wait

ENDED = frozenset({"completed", "failed", "cancelled"})
LOOK_S = 0.4
CANCELS, PAUSES = 0.08, 0.10
PAUSED_S = 3.0


@dataclass
class Wish:
    """One task that somebody asked for. `id` is known once the coordinator said 201, the key from the beginning."""

    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    id: str | None = None
    progress: float = 0.0
    state: str = ""
    may_cancel: bool = False
    disturb_at: float | None = None
    pause: bool = False
    paused_at: float | None = None
    fell: bool = False


class People:
    """`wishes` is what the ledger holds against the database. Use with `with`."""

    def __init__(self, fleet: Fleet, video: Path, seed: int, at_once: int) -> None:
        self.wishes: list[Wish] = []
        self._fleet, self._video = fleet, video
        self._dice = random.Random(f"people {seed}")
        self._at_once = at_once
        self._asking = True
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._http = httpx.Client(base_url=f"{fleet.url}/api/v1", timeout=5, trust_env=False)
        self._video_id = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(30)
        self._http.close()

    def begin(self) -> None:
        """Log in, upload, and wait until every node is there; then ask from a thread of its own."""
        answer = self._http.post("/auth/login", json={"username": ADMIN[0], "password": ADMIN[1]}, timeout=60)
        self._http.headers["authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"
        with self._video.open("rb") as file:
            answer = self._http.post("/videos", files={"file": ("clip.mp4", file)}, timeout=60)
        self._video_id = str(answer.raise_for_status().json()["id"])
        wait(self._all_online, START_S, "every node is online")
        self._thread.start()

    def finish(self, seconds: float) -> bool:
        """Ask for nothing more, and wait until all has ended; whether it did."""
        self._asking = False
        end = time.monotonic() + seconds
        while time.monotonic() < end and any(wish.state not in ENDED for wish in self.wishes):
            time.sleep(0.2)
        self._over.set()
        self._thread.join(30)
        return all(wish.state in ENDED for wish in self.wishes)

    def result(self, wish: Wish, path: Path) -> Path | None:
        """The composite as a file; None when there is none."""
        task = self._http.get(f"/tasks/{wish.id}", timeout=30).raise_for_status().json()
        place = task["results"].get("composite")
        if place is None:
            return None
        answer = self._http.get(str(httpx.URL(self._fleet.url).join(place["url"])), timeout=60)
        path.write_bytes(answer.raise_for_status().content)
        return path

    def _all_online(self) -> bool:
        items = self._http.get("/admin/interfaces").raise_for_status().json()["items"]
        return sum(item["state"] in {"online", "busy"} for item in items) == len(self._fleet.nodes)

    def _live(self) -> None:
        while not self._over.is_set():
            open_ones = [wish for wish in self.wishes if wish.state not in ENDED]
            if self._asking and len(open_ones) < self._at_once:
                self.wishes.append(self._wish())
                continue
            for wish in open_ones:
                with contextlib.suppress(httpx.HTTPError, ValueError, KeyError):
                    self._care_for(wish)
            self._over.wait(LOOK_S)

    def _wish(self) -> Wish:
        wish, luck = Wish(), self._dice.random()
        if luck < CANCELS + PAUSES:
            wish.disturb_at = time.monotonic() + self._dice.uniform(0.5, 8.0)
            wish.pause = luck >= CANCELS
        return wish

    def _care_for(self, wish: Wish) -> None:
        if wish.id is None:
            background = {"kind": "color", "color": "#204060"}
            body = {"video_id": self._video_id, "background": background, "model": model.NAME}
            answer = self._http.post("/tasks", json=body, headers={"Idempotency-Key": wish.key})
            if answer.status_code == 201:
                wish.id = str(answer.json()["id"])
            return
        for verb, path in self._disturbances(wish):
            self._http.request(verb, path)
        task: dict[str, Any] = self._http.get(f"/tasks/{wish.id}").raise_for_status().json()
        wish.state = task["state"]
        wish.fell |= task["progress"] < wish.progress
        wish.progress = task["progress"]

    def _disturbances(self, wish: Wish) -> Iterator[tuple[str, str]]:
        now = time.monotonic()
        if wish.paused_at is not None:
            if now > wish.paused_at + PAUSED_S:
                yield "PUT", f"/tasks/{wish.id}/resume"  # until it is seen to go on
        elif wish.disturb_at is not None and now > wish.disturb_at:
            if wish.pause:
                wish.paused_at = now
                yield "PUT", f"/tasks/{wish.id}/pause"
            else:
                wish.may_cancel = True
                yield "DELETE", f"/tasks/{wish.id}"
