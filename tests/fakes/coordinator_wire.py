"""The routes of the fake coordinator and what they keep in memory."""

import asyncio
import secrets
import threading
import time
import uuid
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from protocol import signing
from protocol.base import AttemptId, InterfaceId, WireModel
from protocol.interfaces import (
    CancelCommand,
    Drain,
    Heartbeat,
    HeartbeatReply,
    Leave,
    Next,
    NextReply,
    Register,
    Registered,
)
from protocol.problems import PROBLEMS, Problem
from protocol.reports import Callback, CallbackReply, PieceReply
from protocol.states import Admission, Lane
from protocol.work import Assignment
from tests.fakes.offers import Handing
from tests.fakes.ranges import Files

CLUSTER = "a cluster string for tests"
TOKEN = "attempt-token-of-the-tests"
Message = TypeVar("Message", bound=WireModel)


@dataclass
class Row:
    """One registered interface."""

    interface_id: InterfaceId
    node_id: str
    secret: str
    fresh: str | None = None


@dataclass
class Faults:
    """What goes wrong: how often a route (register, heartbeat, next, callback, put, file) answers like a dead proxy."""

    broken: Counter[str] = field(default_factory=Counter)
    lost_pieces: int = 0
    """Pieces that are stored although their answer is lost."""
    hasty: bool = False
    """Whether a poll without free slots is answered at once."""
    gone: set[str] = field(default_factory=set)
    gone_tokens: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    cancelled_by_heartbeat: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    refused_registration: str | None = None


class Refusal(Exception):
    """Ends a request with a problem."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


class CoordinatorWire:
    """Checks signatures, rotates secrets, hands out work, stores artifacts in pieces; `faults` make it misbehave."""

    def __init__(self) -> None:
        self.admission = Admission.APPROVED
        self.lane = Lane.PULL
        self.lease_s = 3.0
        self.heartbeat_s = 0.2
        self.longest_poll_s = 0.5
        self.drain: Drain | None = None
        self.clock_offset = 0.0
        self.redirect_to: str | None = None
        self.faults = Faults()
        self.rows: dict[InterfaceId, Row] = {}
        self.registrations: list[Register] = []
        self.heartbeats: list[Heartbeat] = []
        self.polls: list[Next] = []
        self.leaves: list[Leave] = []
        self.callbacks: list[Callback] = []
        self.pieces: list[tuple[int, int]] = []
        self.tokens: list[str | None] = []
        self.artifacts: defaultdict[tuple[str, str], bytearray] = defaultdict(bytearray)
        self.files: dict[str, bytes] = {}
        self.serving = Files()
        self.offers: deque[Assignment] = deque()
        self._handing = Handing(self.offers)
        self.changed = threading.Condition()

    def app(self) -> Starlette:
        """The application."""
        base = "/api/v1/interfaces"
        routes = [
            self._route(f"{base}/register", self._register, ["POST"], "register"),
            self._route(f"{base}/heartbeat", self._heartbeat, ["POST"], "heartbeat"),
            self._route(f"{base}/next", self._next, ["POST"], "next"),
            self._route(f"{base}/leave", self._leave, ["POST"], "leave"),
            self._route(f"{base}/callbacks/{{attempt_id}}", self._callback, ["POST"], "callback"),
            self._route(f"{base}/artifacts/{{attempt_id}}/{{output}}", self._put, ["PUT"], "put"),
            self._route(f"{base}/artifacts/{{attempt_id}}/{{output}}", self._received, ["GET"], "received"),
            self._route("/files/{name}", self._file, ["GET"], "file"),
        ]
        return Starlette(routes=routes)

    def _route(self, path: str, handler: Callable[[Request, bytes], Any], methods: list[str], name: str) -> Route:
        async def answer(request: Request) -> Response:
            body = await request.body()
            with self.changed:
                if self.faults.broken[name] > 0:
                    self.faults.broken[name] -= 1
                    return Response("<html>502 Bad Gateway</html>", status_code=502, media_type="text/html")
            try:
                result = await handler(request, body)
            except Refusal as refusal:
                return _problem(refusal)
            finally:
                with self.changed:
                    self.changed.notify_all()
            if isinstance(result, Response):
                return result
            return Response(result.model_dump_json(), media_type="application/json")

        return Route(path, answer, methods=methods)

    def _signer(self, request: Request, body: bytes) -> Row:
        row = self.rows.get(InterfaceId(request.headers.get(signing.INTERFACE_HEADER, "")))
        if row is None:
            raise Refusal("not_found")
        for secret in (row.fresh, row.secret):
            if secret is None:
                continue
            verdict = signing.verify(
                secret,
                "to-coordinator",
                request.headers,
                now=self.now(),
                method=request.method,
                path=request.url.path,
                body=body,
            )
            if verdict == "clock_skew":
                raise Refusal("clock_skew", server_time=self.now())
            if verdict == "ok":
                if secret == row.fresh:
                    row.secret, row.fresh = secret, None
                return row
        raise Refusal("bad_signature")

    def now(self) -> float:
        """Unix seconds as this coordinator sees them."""
        return time.time() + self.clock_offset

    async def _register(self, request: Request, body: bytes) -> Registered:
        if request.headers.get("authorization") != f"Bearer {CLUSTER}":
            raise Refusal("bad_cluster_string")
        if self.faults.refused_registration:
            raise Refusal(self.faults.refused_registration)
        message = Register.model_validate_json(body)
        if signing.INTERFACE_HEADER in request.headers:
            row = self._signer(request, body)
            row.fresh = secrets.token_urlsafe(32)
        else:
            interface_id = InterfaceId(f"i_{uuid.uuid4().hex}")
            row = Row(interface_id, message.node_id, secrets.token_urlsafe(32))
            self.rows[interface_id] = row
        self.registrations.append(message)
        return Registered(
            interface_id=row.interface_id,
            secret=row.fresh or row.secret,
            heartbeat_interval_s=self.heartbeat_s,
            lease_s=self.lease_s,
            admission=self.admission,
            lane=self.lane,
            server_time=self.now(),
        )

    async def _heartbeat(self, request: Request, body: bytes) -> HeartbeatReply:
        self._signer(request, body)
        message = Heartbeat.model_validate_json(body)
        self.heartbeats.append(message)
        held = {one.attempt_id for one in message.attempts}
        stop = sorted(held & self.faults.cancelled_by_heartbeat)
        return HeartbeatReply(
            commands=tuple(CancelCommand(attempt_id=AttemptId(one)) for one in stop),
            admission=self.admission,
            lane=self.lane,
            drain=self.drain,
            unknown_attempts=tuple(AttemptId(one) for one in sorted(held & self.faults.unknown)),
            next_heartbeat_s=self.heartbeat_s,
            server_time=self.now(),
        )

    async def _next(self, request: Request, body: bytes) -> NextReply:
        self._signer(request, body)
        message = Next.model_validate_json(body)
        self.polls.append(message)
        if message.free_slots or not self.faults.hasty:
            await asyncio.to_thread(self._wait_for_offer, message)
        # A newer poll replaces this one, which then goes home empty.
        heard = {one.attempt_id for one in self.callbacks}
        given = self._handing.to(message, heard) if self._is_newest(message) else ()
        return NextReply(assignments=given, lane=self.lane, server_time=self.now())

    def _is_newest(self, message: Next) -> bool:
        return self.polls[-1] is message

    def _wait_for_offer(self, message: Next) -> None:
        with self.changed:
            self.changed.notify_all()
            timeout_s = min(message.wait_s, self.longest_poll_s)
            self.changed.wait_for(lambda: self.offers or not self._is_newest(message), timeout_s)

    async def _leave(self, request: Request, body: bytes) -> Leave:
        self._signer(request, body)
        message = Leave.model_validate_json(body)
        self.leaves.append(message)
        return message

    async def _callback(self, request: Request, body: bytes) -> CallbackReply:
        self._signer(request, body)
        message = Callback.model_validate_json(body)
        if message.attempt_id in self.faults.gone:
            raise Refusal("gone")
        self.callbacks.append(message)
        return CallbackReply(command="cancel" if message.attempt_id in self.faults.cancelled else "continue")

    async def _put(self, request: Request, body: bytes) -> PieceReply | Response:
        self._opens(request)
        start, total = _content_range(request.headers["content-range"])
        stored = self.artifacts[request.path_params["attempt_id"], request.path_params["output"]]
        if start != len(stored):
            raise Refusal("wrong_offset", received=len(stored))
        stored += body
        self.pieces.append((start, total))
        if self.faults.lost_pieces > 0:
            self.faults.lost_pieces -= 1
            return Response("<html>504</html>", status_code=504, media_type="text/html")
        return PieceReply(received=len(stored))

    async def _received(self, request: Request, _body: bytes) -> PieceReply:
        self._opens(request)
        return PieceReply(
            received=len(self.artifacts[request.path_params["attempt_id"], request.path_params["output"]])
        )

    async def _file(self, request: Request, _body: bytes) -> Response:
        self.tokens.append(request.headers.get("authorization"))
        if self.redirect_to is not None:
            return RedirectResponse(f"{self.redirect_to}{request.url.path}", status_code=307)
        data = self.files.get(request.path_params["name"])
        if data is None:
            raise Refusal("not_found")
        if request.headers.get("authorization", "").removeprefix("Bearer ") in self.faults.gone_tokens:
            raise Refusal("gone")
        await asyncio.to_thread(self.serving.free.wait, 30)
        return self.serving.answer(request, data)

    def _opens(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            raise Refusal("unauthorized")
        if request.path_params.get("attempt_id") in self.faults.gone:
            raise Refusal("gone")


def _content_range(text: str) -> tuple[int, int]:
    span, _, total = text.removeprefix("bytes ").partition("/")
    return int(span.partition("-")[0]), int(total)


def _problem(refusal: Refusal) -> Response:
    kind = PROBLEMS[refusal.code]
    problem = Problem(
        type=f"/problems#{refusal.code}", title=kind.en, status=kind.status, code=refusal.code, params=refusal.params
    )
    return Response(problem.model_dump_json(), status_code=kind.status, media_type="application/problem+json")
