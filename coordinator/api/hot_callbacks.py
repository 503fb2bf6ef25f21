"""Callbacks of nodes, answered before anything else is asked: they are most of what a busy coordinator hears.

A route of the framework costs several times what the answer does (`scripts/bench/dispatch.py`). Nodes have no rate
limit, no account and no CORS, so nothing of that is skipped that would have spoken.
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from coordinator import errors
from coordinator.api import node_auth
from coordinator.api.errors import error_response
from coordinator.services import outcomes
from coordinator.services.context import Context
from coordinator.store import attempts
from coordinator.store.tables import Attempts
from coordinator.store.work import Work
from protocol.reports import TERMINAL, Callback
from protocol.states import AttemptState

PATH: Final = "/api/v1/interfaces/callbacks/"
_REPLIES: Final = {"continue": b'{"command":"continue"}', "cancel": b'{"command":"cancel"}'}


class HotCallbacks:
    """Takes `POST /api/v1/interfaces/callbacks/{attempt_id}`; everything else goes on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith(PATH):
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        attempt_id = scope["path"].removeprefix(PATH)
        scope["path_params"] = {"attempt_id": attempt_id}
        try:
            response = await answer(request, scope["state"]["context"], attempt_id)
        except errors.CoordinatorError as error:
            response = error_response(error, request.headers.get("accept-language", ""))
        await response(scope, receive, send)


async def answer(request: Request, here: Context, attempt_id: str) -> Response:
    """Take a callback. Progress of an attempt that is known to run is answered from memory."""
    signed = await node_auth.authenticate(request, here)
    message = node_auth.parsed(Callback, signed.body)
    if message.attempt_id != attempt_id:
        raise errors.InvalidRequest("The body names another attempt than the path")
    known = here.book.answer(signed.interface_id, message)
    command = known if known is not None else await _written(here, signed.interface_id, message)
    await here.node_keys.heard(signed.interface_id)
    return _reply(command)


async def _written(here: Context, interface_id: str, message: Callback) -> outcomes.Command:
    """What the database says to a callback; a running attempt is remembered."""
    command, row = await here.database.write(lambda work: _hear(work, here, interface_id, message))
    if row is not None and row.state == AttemptState.RUNNING:
        here.book.remember(row)
    return command


def _reply(command: outcomes.Command) -> Response:
    return Response(_REPLIES[command], media_type="application/json")


def _hear(work: Work, here: Context, interface_id: str, message: Callback) -> tuple[outcomes.Command, Attempts | None]:
    command = outcomes.hear(work, here.rules, interface_id, message)
    return command, None if message.kind in TERMINAL else attempts.get(work, message.attempt_id)
