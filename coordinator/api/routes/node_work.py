"""What a node calls while it works: ask for work, fetch files, report, send artifacts up."""

import re
from typing import Final

from fastapi import APIRouter, Request, Response

from coordinator import errors
from coordinator.api import hot_callbacks, node_auth
from coordinator.api.deps import Here
from coordinator.api.node_auth import SignedBody
from coordinator.api.serving import serve_file
from coordinator.domain.news import QueueChanged
from coordinator.gateway import pieces
from coordinator.services import leases, node_files, polling, pulling
from coordinator.services.assignments import assignment
from coordinator.services.context import Context
from coordinator.store import artifacts
from protocol.base import AttemptId
from protocol.interfaces import CancelCommand, Next, NextReply
from protocol.reports import PIECE_BYTES, Callback, CallbackReply, PieceReply
from protocol.states import Lane, Output

router = APIRouter(prefix="/interfaces", tags=["interfaces"])
_PIECE: Final = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})")


@router.post("/next", response_model=NextReply, openapi_extra=node_auth.body_of(Next))
async def next_work(signed: SignedBody, here: Here) -> Response:
    """The pull lane's long poll: work, or commands, or neither after `wait_s`."""
    message = node_auth.own(Next, signed)
    if message.free_slots == 0 and message.light_slots == 0:
        return _next_reply(here, await _ask(here, message))
    with here.polls.entered(signed.interface_id, light=message.free_slots == 0) as news:
        asked = await _ask(here, message)
        if asked.answered:
            return _next_reply(here, asked)
        here.feed.publish([QueueChanged()])
        offer = await polling.heard(news, message.wait_s)
    if offer is not None:
        return _next_reply(here, pulling.Asked((offer,), leases.Heard((), ()), asked.lane))
    return _next_reply(here, await _ask(here, message))


async def _ask(here: Context, message: Next) -> pulling.Asked:
    return await here.database.write(lambda work: pulling.ask(work, here.rules, message))


def _next_reply(here: Context, asked: pulling.Asked) -> Response:
    reply = NextReply(
        assignments=tuple(assignment(offer, here.attempt_tokens, here.rules) for offer in asked.offers),
        commands=tuple(CancelCommand(attempt_id=AttemptId(key)) for key in (*asked.heard.cancel, *asked.heard.unknown)),
        lane=Lane(asked.lane),
        server_time=here.clock(),
    )
    return Response(reply.model_dump_json(), media_type="application/json")


@router.post("/callbacks/{attempt_id}", response_model=CallbackReply, openapi_extra=node_auth.body_of(Callback))
async def callback(attempt_id: str, request: Request, here: Here) -> Response:
    """Progress and outcomes. In service `api.hot_callbacks` answers this path before any route is looked for."""
    return await hot_callbacks.answer(request, here, attempt_id)


@router.get("/files/{attempt_id}/{what}")
@router.head("/files/{attempt_id}/{what}", operation_id="interfaces_file_head")
async def file(attempt_id: str, what: str, request: Request, here: Here) -> Response:
    """The source or the background of an attempt, with ranges."""
    _check_token(request, here, attempt_id)
    found = await here.database.read(lambda work: node_files.file(work, attempt_id, what))
    path = here.files.media(found.kind, found.id)
    return await serve_file(request, path, etag=found.sha256, content_type=found.content_type, max_age=0)


@router.get("/files/{attempt_id}/parts/{step_id}/{output}")
@router.head("/files/{attempt_id}/parts/{step_id}/{output}", operation_id="interfaces_part_head")
async def part(attempt_id: str, step_id: str, output: Output, request: Request, here: Here) -> Response:
    """A finished segment of the attempt's task, with ranges: what `assemble` joins."""
    _check_token(request, here, attempt_id)
    found = await here.database.read(lambda work: node_files.part(work, attempt_id, step_id, output))
    path = here.files.result(found.task_id, found.step_id, found.attempt_id, found.output)
    return await serve_file(request, path, etag=found.sha256 or "", content_type=found.content_type, max_age=0)


@router.get("/artifacts/{attempt_id}/{output}")
async def received(attempt_id: str, output: Output, request: Request, here: Here) -> PieceReply:
    """How many bytes of an artifact are durable."""
    _check_token(request, here, attempt_id)
    known = await here.database.read(lambda work: node_files.look(work, attempt_id, output))
    if known is None:
        return PieceReply(received=0)
    return PieceReply(received=pieces.received(here.files.result(known.task_id, known.step_id, attempt_id, output)))


@router.put("/artifacts/{attempt_id}/{output}")
async def piece(attempt_id: str, output: Output, request: Request, here: Here) -> PieceReply:
    """One piece of an artifact, at most 8 MB, at the place that `Content-Range` names."""
    _check_token(request, here, attempt_id)
    start, total = _content_range(request)
    intake = await here.database.write(lambda work: node_files.begin(work, attempt_id, output, total))
    path = here.files.result(intake.task_id, intake.step_id, attempt_id, output)
    length = await here.files.append_piece(path, start, total, request.stream())
    if length == total:
        await here.database.write(lambda work: artifacts.finish(work, attempt_id, output))
    return PieceReply(received=length)


def _content_range(request: Request) -> tuple[int, int]:
    found = _PIECE.fullmatch(request.headers.get("content-range", ""))
    start, end, total = map(int, found.groups()) if found else (0, -1, 0)
    if not start <= end < total:
        raise errors.InvalidRequest("Content-Range must read: bytes first-last/total")
    if end - start >= PIECE_BYTES:
        raise errors.TooLarge(limit=PIECE_BYTES)
    return start, total


def _check_token(request: Request, here: Context, attempt_id: str) -> None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not here.attempt_tokens.opens(token, attempt_id):
        raise errors.BadSignature("The attempt token is missing or wrong")
