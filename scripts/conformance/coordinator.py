"""The coordinator that the kit plays: a real server, everything in memory, misbehaving on order."""

import asyncio
import contextlib
import secrets
import socket
import threading
import time
import uuid
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

from aiohttp import web

from protocol import signing
from protocol.base import AttemptId, InterfaceId
from protocol.interfaces import Drain, Heartbeat, Leave, Next, Register
from protocol.states import Lane
from scripts.conformance.job import Job
from scripts.ports import on_this_machine

Message = TypeVar("Message")
LOOK_S = 0.05
AHEAD_S = 7200.0
"""The kit's clock runs ahead of every machine's, because nodes own no clock."""


@dataclass
class Member:
    """A node that registered. `fresh` counts from its first use, `secret` until then."""

    interface_id: InterfaceId
    register: Register
    secret: str
    fresh: str | None = None
    signed: bool = False
    """Whether the last registration proved that it is the same node."""


@dataclass(frozen=True)
class Heard(Generic[Message]):
    """A message and when it came, in monotonic seconds."""

    at: float
    message: Message


class Coordinator:
    """Start it with `with`. Rules turn the knobs and read the lists under `changed`; `wire` answers the node."""

    def __init__(self, host: str, port: int, *, lease_s: float, heartbeat_s: float) -> None:
        self._socket = socket.create_server((host, port))
        self.port = int(self._socket.getsockname()[1])
        self.url = on_this_machine(host, self.port)
        self.cluster = secrets.token_urlsafe(16)
        self.lease_s, self.usual_heartbeat_s = lease_s, heartbeat_s
        self.changed = threading.Condition()
        self.members: dict[InterfaceId, Member] = {}
        self.registrations: list[Heard[Register]] = []
        self.heartbeats: list[Heard[Heartbeat]] = []
        self.polls: list[Heard[Next]] = []
        self.leaves: list[Leave] = []
        self.complaints: defaultdict[str, list[str]] = defaultdict(list)
        self.jobs: dict[AttemptId, Job] = {}
        self.ahead_s = AHEAD_S
        self.lane = Lane.PULL
        self.calm()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._stop: Callable[[], object] = lambda: None
        self._ready = threading.Event()

    def calm(self) -> None:
        """Every knob as it is when nothing goes wrong."""
        self.heartbeat_s = self.usual_heartbeat_s
        self.drain: Drain | None = None
        self.drain_told_at: float | None = None
        self.away = False
        self.offers: deque[Job] = deque()
        self.pages: Counter[str] = Counter()
        """So many answers of a route are a proxy's 502."""
        self.odd_pages: Counter[str] = Counter()
        """So many answers of a route are a 200 with HTML."""
        self.lost: Counter[str] = Counter()
        """So many answers of a route get lost on their way, after the work was done."""

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._thread.join(5)
        self._socket.close()

    async def _serve(self) -> None:
        from scripts.conformance.wire import application

        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        runner = web.AppRunner(application(self), access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        await web.SockSite(runner, self._socket).start()

        def end() -> None:
            with contextlib.suppress(RuntimeError):  # the loop may have ended by itself
                loop.call_soon_threadsafe(stop.set)

        self._stop = end
        self._ready.set()
        await stop.wait()
        await runner.cleanup()

    def now(self) -> float:
        """Unix seconds as the kit counts them."""
        return time.time() + self.ahead_s

    def until(self, what: Callable[[], object], seconds: float) -> bool:
        """Wait until `what()` is true, asked again whenever something was heard; whether it came true."""
        end = time.monotonic() + seconds
        with self.changed:
            while not what():
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self.changed.wait(min(left, LOOK_S))
        return True

    def watch(self, seconds: float) -> None:
        """Let time go by."""
        self.until(lambda: False, seconds)

    def complain(self, about: str, words: str) -> None:
        """Note what no message may be, once."""
        if words not in self.complaints[about]:
            self.complaints[about].append(words)

    @property
    def member(self) -> Member | None:
        """The node that registered last."""
        return next(reversed(self.members.values()), None)

    def enter(self, register: Register, row: Member | None) -> Member:
        """A registration; `row` when it was signed by a node that is known."""
        if row is not None:
            row.fresh, row.register, row.signed = secrets.token_urlsafe(32), register, True
            self.members[row.interface_id] = self.members.pop(row.interface_id)
            return row
        made = Member(InterfaceId(uuid.uuid4().hex), register, secrets.token_urlsafe(32))
        self.members[made.interface_id] = made
        return made

    def signer(self, name: str, method: str, path: str, headers: dict[str, str], body: bytes) -> Member | str:
        """Who signed a request; the problem's code when nobody did."""
        row = self.members.get(InterfaceId(headers.get(signing.INTERFACE_HEADER, "")))
        if row is None:
            self.complain("messages", f"{name} names an interface that never registered")
            return "bad_signature"
        verdict: signing.Verdict = "missing"
        for secret in filter(None, (row.fresh, row.secret)):
            verdict = signing.verify(
                secret, "to-coordinator", headers, now=self.now(), method=method, path=path, body=body
            )
            if verdict == "ok":
                if secret == row.fresh:
                    row.secret, row.fresh = secret, None
                return row
            if verdict == "clock_skew":
                return "clock_skew"
        self.complain("messages", f"{name} is not signed right ({verdict})")
        return "bad_signature"
