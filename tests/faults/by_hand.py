"""Nodes by hand, each in a thread: they join, poll, beat, and do with every offer what the test says."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx

from tests.contract.third_party import API, ThirdParty

Json = dict[str, Any]
BEAT_S = 0.2


class HandNode:
    """A node of one slot in the pull lane. Use with `with`; `behave` gets the node and each offer, in its thread."""

    def __init__(self, url: str, model: str, behave: Callable[["HandNode", Json], None]) -> None:
        self.wire = ThirdParty(url)
        self.wire.model = model
        self.got: list[Json] = []
        self.leaving = threading.Event()
        self._behave = behave
        self._thread = threading.Thread(target=self._work, daemon=True)

    @property
    def id(self) -> str:
        """The interface's id."""
        return self.wire.interface_id

    def __enter__(self) -> Self:
        self.wire.join()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.leaving.set()
        self._thread.join(90)
        self.wire.http.close()

    def _work(self) -> None:
        while not self.leaving.is_set():
            try:
                for work in self.wire.ask(wait_s=0.5)["assignments"]:
                    self.got.append(work)
                    self._behave(self, work)
            except httpx.TransportError:
                time.sleep(BEAT_S)  # the coordinator was killed and is about to come back

    def report(self, work: Json, kind: str = "progress", **more: Any) -> None:
        """A callback, sent again until it is answered: a coordinator that wakes up hangs up on old connections."""
        while not self.leaving.is_set():
            try:
                self.wire.report(work, kind, **more)
            except httpx.TransportError:
                time.sleep(BEAT_S / 4)
            else:
                return

    def become(self, behave: Callable[["HandNode", Json], None]) -> None:
        """Do something else with offers from now on."""
        self._behave = behave

    def beat(self, *held: Json) -> None:
        """One heartbeat that names these."""
        attempts = [{"attempt_id": work["attempt_id"]} for work in held]
        self.wire.post(f"{API}/heartbeat", self.wire.say(attempts=attempts))


def completing(data: Path) -> Callable[[HandNode, Json], None]:
    """Sends these bytes, which have the right frames, and says so."""
    bytes_of_it = data.read_bytes()

    def behave(node: HandNode, work: Json) -> None:
        node.report(work, stage="process", frames_done=1, frames_total=24)
        node.wire.put(work, bytes_of_it)
        node.wire.complete(work, bytes_of_it)

    return behave


def failing(error_class: str, code: str = "broken", detail: str = "It broke") -> Callable[[HandNode, Json], None]:
    """Fails everything at once."""
    error = {"code": code, "detail": detail, "error_class": error_class}

    def behave(node: HandNode, work: Json) -> None:
        node.report(work, "failed", error=error)

    return behave


def working(seconds: float, data: Path) -> Callable[[HandNode, Json], None]:
    """Makes a little progress all the time, for so long, and completes."""
    finish = completing(data)

    def behave(node: HandNode, work: Json) -> None:
        end, done = time.monotonic() + seconds, 0
        while time.monotonic() < end and not node.leaving.is_set():
            done += 1
            node.report(work, stage="fetch", done=done, total=10**6)
            time.sleep(BEAT_S)
        finish(node, work)

    return behave


@contextmanager
def hung(node: HandNode, work: Json) -> Iterator[None]:
    """While the block runs, the node beats and its work does not move."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(BEAT_S):
            node.beat(work)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(30)
