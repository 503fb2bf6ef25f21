"""The routes of the kit's coordinator: they check every message and note what no message may be."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiohttp import web
from pydantic import ValidationError

from protocol.base import AttemptId, WireModel
from protocol.interfaces import (
    CancelCommand,
    Heartbeat,
    HeartbeatReply,
    Leave,
    Next,
    NextReply,
    Register,
    Registered,
)
from protocol.reports import PIECE_BYTES, TERMINAL, Callback, CallbackReply, PieceReply
from protocol.states import Admission
from protocol.work import Assignment
from scripts.conformance.answers import Refused, cut, json, page, problem
from scripts.conformance.coordinator import Coordinator, Heard, Member
from scripts.conformance.job import BASE, Job, Report
from scripts.conformance.ranges import content_range, wanted

Message = TypeVar("Message", bound=WireModel)
POLL_S = 1.0
TRICKLE_S = 0.2
STRAGGLER_S = 1.5
"""So long after an acknowledged end a callback may still have been under way."""


def application(kit: Coordinator) -> web.Application:
    """Every route that a node calls."""
    wire = Wire(kit)
    table: tuple[tuple[str, str, str, Callable[[web.Request, bytes], Awaitable[web.StreamResponse]]], ...] = (
        ("POST", "register", "/register", wire.register),
        ("POST", "heartbeat", "/heartbeat", wire.heartbeat),
        ("POST", "next", "/next", wire.next),
        ("POST", "leave", "/leave", wire.leave),
        ("POST", "callback", "/callbacks/{attempt_id}", wire.callback),
        ("GET", "source", "/files/{attempt_id}/source", wire.source),
        ("PUT", "piece", "/artifacts/{attempt_id}/{output}", wire.piece),
        ("GET", "received", "/artifacts/{attempt_id}/{output}", wire.received),
    )
    app = web.Application(client_max_size=2 * PIECE_BYTES)
    for method, name, path, handler in table:
        app.router.add_route(method, BASE + path, wire.guarded(name, handler))
    return app


class Wire:
    """One method a route."""

    def __init__(self, kit: Coordinator) -> None:
        self._kit = kit

    def guarded(
        self, name: str, handler: Callable[[web.Request, bytes], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The faults that the kit was told to have, and problems as answers."""
        kit = self._kit

        async def answer(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            if kit.away:
                return cut(request)
            for pages, status in ((kit.pages, 502), (kit.odd_pages, 200)):
                if pages[name] > 0:
                    pages[name] -= 1
                    return page(status)
            try:
                result = await handler(request, body)
            except Refused as refused:
                result = problem(refused)
            except ConnectionError:  # the node went away, as it may
                result = web.Response()
            finally:
                with kit.changed:
                    kit.changed.notify_all()
            lose = kit.lost[name] > 0
            kit.lost[name] -= lose
            return cut(request) if lose else result

        return answer

    def _signed(self, request: web.Request, body: bytes, kind: type[Message], name: str) -> tuple[Member, Message]:
        headers = {key.lower(): value for key, value in request.headers.items()}
        member = self._kit.signer(name, request.method, request.raw_path, headers, body)
        if isinstance(member, str):
            raise Refused(member, server_time=self._kit.now())
        return member, self._parsed(kind, body, name)

    def _parsed(self, kind: type[Message], body: bytes, name: str) -> Message:
        try:
            return kind.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = "/".join(map(str, first["loc"]))
            self._kit.complain("messages", f"{name} is not valid: {place}: {first['msg']}")
            raise Refused("invalid_request") from error

    async def register(self, request: web.Request, body: bytes) -> web.Response:
        """Join, with the cluster string; signed as well by a node that was here before."""
        kit = self._kit
        if request.headers.get("authorization") != f"Bearer {kit.cluster}":
            raise Refused("bad_cluster_string")
        if "segfleet-interface" in request.headers:
            row, message = self._signed(request, body, Register, "register")
            member = kit.enter(message, row)
        else:
            member = kit.enter(self._parsed(Register, body, "register"), None)
        kit.registrations.append(Heard(time.monotonic(), member.register))
        reply = Registered(
            interface_id=member.interface_id,
            secret=member.fresh or member.secret,
            heartbeat_interval_s=kit.heartbeat_s,
            lease_s=kit.lease_s,
            admission=Admission.APPROVED,
            lane=kit.lane,
            server_time=kit.now(),
        )
        return json(reply)

    async def heartbeat(self, request: web.Request, body: bytes) -> web.Response:
        """A sign of life; the answer carries the orders."""
        kit = self._kit
        _, message = self._signed(request, body, Heartbeat, "heartbeat")
        kit.heartbeats.append(Heard(time.monotonic(), message))
        held = [kit.jobs[one.attempt_id] for one in message.attempts if one.attempt_id in kit.jobs]
        cancelled = [job for job in held if job.cancelled_by_heartbeat and job.end is None]
        unknown = [job for job in held if job.unknown]
        for job in (*cancelled, *unknown):
            job.tell()
        if kit.drain is not None and kit.drain_told_at is None:
            kit.drain_told_at = time.monotonic()
        reply = HeartbeatReply(
            commands=tuple(CancelCommand(attempt_id=job.id) for job in cancelled),
            admission=Admission.APPROVED,
            lane=kit.lane,
            drain=kit.drain,
            unknown_attempts=tuple(job.id for job in unknown),
            next_heartbeat_s=kit.heartbeat_s,
            server_time=kit.now(),
        )
        return json(reply)

    async def next(self, request: web.Request, body: bytes) -> web.Response:
        """The pull lane. An offer whose answer got lost comes again."""
        kit = self._kit
        _, message = self._signed(request, body, Next, "next")
        kit.polls.append(Heard(time.monotonic(), message))
        await asyncio.to_thread(kit.until, lambda: kit.offers or kit.away, min(message.wait_s, POLL_S))
        given: list[Assignment] = []
        while kit.offers and len(given) < message.free_slots and not kit.away:
            job = kit.offers.popleft()
            if kit.lost["offer"] > 0:
                kit.lost["offer"] -= 1
                kit.offers.append(job)
                return cut(request)
            job.taken = True
            given.append(job.assignment)
        return json(NextReply(assignments=tuple(given), lane=kit.lane, server_time=kit.now()))

    async def leave(self, request: web.Request, body: bytes) -> web.Response:
        """Offline at once."""
        _, message = self._signed(request, body, Leave, "leave")
        self._kit.leaves.append(message)
        return web.json_response({})

    async def callback(self, request: web.Request, body: bytes) -> web.Response:
        """How an attempt is."""
        _, message = self._signed(request, body, Callback, "callback")
        job = self._kit.jobs.get(AttemptId(request.match_info["attempt_id"]))
        if job is None or message.attempt_id != job.id:
            raise Refused("gone")
        now = time.monotonic()
        if job.gone or job.unknown:
            job.refused.append(Report(now, message, acknowledged=False))
            job.tell()
            raise Refused("gone")
        self._judge(job, message, now)
        is_end = message.kind in TERMINAL
        if is_end and job.deaf > 0:
            job.deaf -= 1
            job.reports.append(Report(now, message, acknowledged=False))
            return page(502)
        job.reports.append(Report(now, message, acknowledged=True))
        if job.cancelled and not is_end:
            job.tell()
            return json(CallbackReply(command="cancel"))
        return json(CallbackReply(command="continue"))

    def _judge(self, job: Job, message: Callback, now: float) -> None:
        wrong: list[str] = []
        last = job.reports[-1].callback if job.reports else None
        end = job.end
        if last is not None and (message.seq < last.seq or (message.seq == last.seq and message != last)):
            wrong.append("seq does not rise strictly within an attempt")
        if end is not None and now - end.at > STRAGGLER_S:
            wrong.append("a callback came after the acknowledged end")
        if end is not None and message.kind in TERMINAL:
            wrong.append("an end was reported again after it was acknowledged")
        if message.kind == "completed" and not job.uploaded():
            wrong.append("completed was said before the artifacts were uploaded")
        member = self._kit.member
        if member is not None and message.boot_id != member.register.boot_id:
            wrong.append("boot_id is not the one that registered")
        for words in wrong:
            self._kit.complain("callbacks", words)

    def _opened(self, request: web.Request, name: str) -> Job:
        job = self._kit.jobs.get(AttemptId(request.match_info["attempt_id"]))
        if job is None:
            raise Refused("gone")
        if request.headers.get("authorization") != f"Bearer {job.token}":
            self._kit.complain("pieces", f"{name} without the attempt's token")
            raise Refused("bad_signature")
        if job.gone or job.unknown:
            job.tell()
            raise Refused("gone")
        return job

    async def source(self, request: web.Request, _body: bytes) -> web.StreamResponse:
        """The clip, whole or a range; a byte at a time while the job is held."""
        job = self._opened(request, "a file")
        span = wanted(request.headers.get("range"), len(job.data))
        first, last = span or (0, len(job.data) - 1)
        headers = {"ETag": f'"{job.assignment.source.etag}"', "Accept-Ranges": "bytes"}
        if span is not None:
            headers["Content-Range"] = f"bytes {first}-{last}/{len(job.data)}"
        answer = web.StreamResponse(status=200 if span is None else 206, headers=headers)
        answer.content_type, answer.content_length = "video/mp4", last + 1 - first
        await answer.prepare(request)
        job.reads += 1
        while job.held and first < last and not self._kit.away:
            await answer.write(job.data[first : first + 1])
            first += 1
            await asyncio.sleep(TRICKLE_S)
        if self._kit.away:
            return cut(request)
        await answer.write(job.data[first : last + 1])
        return answer

    async def piece(self, request: web.Request, body: bytes) -> web.Response:
        """A piece of an artifact; pieces come in their order."""
        job, output = self._opened(request, "a piece"), request.match_info["output"]
        place = content_range(request.headers.get("content-range", ""))
        if place is None or place[1] - place[0] + 1 != len(body) or not 0 < len(body) <= PIECE_BYTES:
            self._kit.complain("pieces", "Content-Range does not describe its piece, or the piece is over 8 MiB")
            raise Refused("invalid_request")
        stored = job.artifacts.setdefault(output, bytearray())
        job.totals.setdefault(output, place[2])
        if place[0] != len(stored):
            raise Refused("wrong_offset", received=len(stored))
        if job.short_piece and len(body) > 1:
            job.short_piece, body = False, body[: len(body) // 2]
        stored += body
        self._kit.away |= job.away_at_the_end and job.uploaded()
        return json(PieceReply(received=len(stored)))

    async def received(self, request: web.Request, _body: bytes) -> web.Response:
        """How much of an artifact is here."""
        job = self._opened(request, "a question about an artifact")
        return json(PieceReply(received=len(job.artifacts.get(request.match_info["output"], b""))))
