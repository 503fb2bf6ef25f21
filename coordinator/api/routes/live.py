"""`WS /api/v1/ws`: the first message authenticates and subscribes, then everything that happens is told."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any, Final, assert_never

from fastapi import APIRouter, WebSocket
from pydantic import ValidationError
from starlette.websockets import WebSocketDisconnect

from coordinator.api import live_identity, live_messages, live_replay
from coordinator.api.live_feed import Hub
from coordinator.api.live_reader import Ending, Reader, Wish
from coordinator.api.live_transport import DROP
from coordinator.clock import monotonic
from coordinator.errors import AccountError, CsrfRefused, Forbidden, StorageUnavailable
from coordinator.services.context import Context
from protocol.live import ASKED, Alive, Asked, Authenticate, Close, Knock, Subscribe

router = APIRouter()
CLOSE_S: Final = 1.0
MOST_CHARACTERS: Final = 8192
MOST_SAID: Final = 60
"""Messages of a client within `SAID_S`."""
SAID_S: Final = 60.0
BAD = Ending(Close.BAD_MESSAGE, "bad_message")
CROWD = Ending(Close.TOO_MANY, "too_many_sockets")
CHATTER = Ending(Close.TOO_MANY, "too_many_messages")
GONE = Ending(Close.GONE, "")


@router.websocket("/ws")
async def socket(websocket: WebSocket) -> None:
    """Until either side goes, the session ends, or the reader is too slow."""
    here: Context = websocket.scope["state"]["context"]
    hub: Hub = websocket.scope["state"]["live"]
    await websocket.accept()
    await _close(websocket, await _attended(websocket, here, hub))


async def _attended(websocket: WebSocket, here: Context, hub: Hub) -> Ending:
    address: str = websocket.scope["state"]["address"]
    if not hub.audience.knock(address):
        return CROWD
    try:
        known = await _introduced(websocket, here, hub.audience.bounds.first_s)
    finally:
        hub.audience.gave_up(address)
    if isinstance(known, Ending):
        return known
    if not hub.audience.enter(known):
        return CROWD
    try:
        return await _served(websocket, here, hub, known)
    finally:
        hub.audience.leave(known)


async def _introduced(websocket: WebSocket, here: Context, patience_s: float) -> Reader | Ending:
    """Who the first message says it is."""
    try:
        async with asyncio.timeout(patience_s):
            asked = await _heard(websocket)
            match asked:
                case Ending():
                    return asked
                case Authenticate(token=str(token)):
                    identity = await live_identity.of_token(here, token)
                case Authenticate() | Subscribe():
                    identity = await live_identity.of_handshake(here, websocket)
                case _:
                    return BAD
    except TimeoutError:
        return Ending(Close.SILENT, "silent")
    except CsrfRefused as error:
        return Ending(Close.FORBIDDEN, error.code)
    except AccountError as error:
        return Ending(Close.UNAUTHORIZED, error.code)
    except StorageUnavailable as error:
        return Ending(Close.LATER, error.code)
    reader = Reader(identity)
    reader.subscribe(_wish(asked))
    return reader


def _wish(asked: Authenticate | Subscribe) -> Wish:
    return Wish(asked.since, None if asked.topics is None else frozenset(asked.topics))


async def _heard(websocket: WebSocket) -> Asked | Ending:
    """The next message of the client."""
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        return GONE
    text: Any = message.get("text")
    if not isinstance(text, str) or len(text) > MOST_CHARACTERS:
        return BAD
    try:
        return ASKED.validate_json(text)
    except ValidationError:
        return BAD


async def _served(websocket: WebSocket, here: Context, hub: Hub, reader: Reader) -> Ending:
    """Why it ended."""
    listening = asyncio.create_task(_listen(websocket, reader))
    try:
        async with asyncio.timeout(None) as patience:
            reader.cut = partial(_cut, patience)
            await _write(websocket, here, hub, reader)
    except (TimeoutError, WebSocketDisconnect):
        pass
    except Forbidden as error:
        reader.end(Close.FORBIDDEN, error.code)
    except StorageUnavailable as error:
        reader.end(Close.LATER, error.code)
    finally:
        reader.cut = lambda: None
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    return reader.ending or GONE


def _cut(patience: asyncio.Timeout) -> None:
    with suppress(RuntimeError):  # it is being cut already
        patience.reschedule(asyncio.get_running_loop().time())


async def _write(websocket: WebSocket, here: Context, hub: Hub, reader: Reader) -> None:
    async def say(text: str) -> None:
        reader.busy_since = monotonic()
        await websocket.send_text(text)
        reader.busy_since, reader.said_at = None, monotonic()

    while reader.ending is None:
        wish, reader.wish = reader.wish, None
        if wish is not None:
            await live_replay.follow(here, hub, reader, wish, say)
            continue
        text = reader.take()
        if text is None:
            await reader.wait()
        else:
            await say(text)


async def _listen(websocket: WebSocket, reader: Reader) -> None:
    """Do what the client asks, until it goes or is to be sent away."""
    said, since = 0, monotonic()
    while reader.ending is None:
        asked = await _heard(websocket)
        now = monotonic()
        reader.heard_at = now
        said, since = (said + 1, since) if now - since < SAID_S else (1, now)
        ending = CHATTER if said > MOST_SAID else _obeyed(reader, asked)
        if ending is not None:
            reader.end(*ending)
            if ending is GONE:
                reader.cut()


def _obeyed(reader: Reader, asked: Asked | Ending) -> Ending | None:
    """Do it; or why the socket is to be closed."""
    match asked:
        case Ending():
            return asked
        case Subscribe():
            reader.subscribe(_wish(asked))
        case Knock():
            reader.owe(live_messages.PONG)
        case Alive():
            pass
        case Authenticate():
            return BAD
        case _:
            assert_never(asked)
    return None


async def _close(websocket: WebSocket, ending: Ending) -> None:
    if ending is GONE:
        return
    drop = websocket.scope.get("extensions", {}).get(DROP)
    if drop is not None:
        drop(int(ending.code), ending.reason)
        return
    with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
        async with asyncio.timeout(CLOSE_S):
            await websocket.close(int(ending.code), ending.reason)
