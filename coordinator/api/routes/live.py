"""`WS /api/v1/ws`: the first message authenticates, then every change of a task arrives as its REST object."""

import asyncio
from contextlib import suppress
from typing import Any, Final

from fastapi import APIRouter, WebSocket
from pydantic import ValidationError
from starlette.websockets import WebSocketDisconnect

from coordinator.api import views_tasks as views
from coordinator.api.live_feed import Subscriber
from coordinator.clock import rfc3339
from coordinator.domain.permissions import may_administer
from coordinator.errors import CoordinatorError
from coordinator.services import looking, sessions
from coordinator.services.context import Context
from coordinator.store import events, tasks, users
from coordinator.store.work import Work
from protocol.live import Authenticate, Hello, ObjectEvent, Ping, Resync

router = APIRouter()
AUTHENTICATE_S: Final = 10.0
PING_S: Final = 20.0
SEND_S: Final = 10.0
GATHER_S: Final = 0.05
"""Changes within this time become one message a task."""
REPLAY: Final = 500
UNAUTHORIZED: Final = 4401
TOO_SLOW: Final = 4408


@router.websocket("/ws")
async def socket(websocket: WebSocket) -> None:
    """Until either side goes, the session ends, or the reader is too slow."""
    here: Context = websocket.scope["state"]["context"]
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        hello = await _authenticated(websocket, here)
        if hello is None:
            await websocket.close(UNAUTHORIZED)
            return
        subscriber, since = hello
        stop = here.feed.listen(subscriber.hear)
        try:
            await _serve(websocket, here, subscriber, since)
        finally:
            stop()


async def _authenticated(websocket: WebSocket, here: Context) -> tuple[Subscriber, int | None] | None:
    try:
        message = Authenticate.model_validate_json(await asyncio.wait_for(websocket.receive_text(), AUTHENTICATE_S))
        user = await sessions.authenticate(here, message.token)
    except (ValidationError, CoordinatorError, TimeoutError, KeyError):
        return None
    return Subscriber(user, may_administer(user.role)), message.since


async def _serve(websocket: WebSocket, here: Context, subscriber: Subscriber, since: int | None) -> None:
    seq = await here.database.read(events.newest)
    if since is not None and not await _replay(here, subscriber, since):
        await _send(websocket, Resync().model_dump(mode="json"))
    await _send(websocket, Hello(seq=seq).model_dump(mode="json"))
    reader = asyncio.create_task(_drain(websocket))
    try:
        while not reader.done():
            with suppress(TimeoutError):
                await asyncio.wait_for(subscriber.wake.wait(), PING_S)
            if not await _tell(websocket, here, subscriber):
                return
    finally:
        reader.cancel()


async def _replay(here: Context, subscriber: Subscriber, since: int) -> bool:
    """Queue what happened after `since`. False: too much to replay."""
    user_id = None if subscriber.everything else subscriber.user.id
    rows = await here.database.read(lambda work: events.since(work, since, user_id, REPLAY + 1))
    for row in rows[:REPLAY]:
        if row.task_id is not None:
            subscriber.changed[row.task_id] = row.seq
    if rows:
        subscriber.wake.set()
    return len(rows) <= REPLAY


async def _tell(websocket: WebSocket, here: Context, subscriber: Subscriber) -> bool:
    """Send what is due, or a ping. False: the session has ended."""
    if not subscriber.changed and not subscriber.overflow:
        await _send(websocket, Ping().model_dump(mode="json"))
        return await _still_valid(websocket, here, subscriber)
    await asyncio.sleep(GATHER_S)
    changed, overflow, subscriber.overflow = subscriber.take(), subscriber.overflow, False
    if not await _still_valid(websocket, here, subscriber):
        return False
    if overflow:
        await _send(websocket, Resync().model_dump(mode="json"))
    for message in await here.database.read(lambda work: _messages(work, here, subscriber, changed)):
        await _send(websocket, message)
    return True


async def _still_valid(websocket: WebSocket, here: Context, subscriber: Subscriber) -> bool:
    """Rights are read at every event: a password change ends the socket like every session."""
    row = await here.database.read(lambda work: users.get(work, subscriber.user.id))
    if row is None or row.disabled or row.version != subscriber.user.version:
        await websocket.close(UNAUTHORIZED)
        return False
    return True


def _messages(
    work: Work, here: Context, subscriber: Subscriber, changed: dict[str, int | None]
) -> list[dict[str, Any]]:
    newest = events.newest(work)
    messages = []
    for task_id, seq in changed.items():
        task = tasks.get(work, task_id)
        if task is None:
            shown: dict[str, Any] = {"id": task_id, "state": "removed"}
        elif subscriber.everything or task.user_id == subscriber.user.id:
            shown = views.task(looking.one(work, task), here.links, here.clock())
        else:
            continue
        event = ObjectEvent(type="task", seq=seq or newest, at=rfc3339(here.clock()) or "", object=shown)
        messages.append(event.model_dump(mode="json"))
    return messages


async def _send(websocket: WebSocket, message: dict[str, Any]) -> None:
    """One message; a reader that does not take it for so long is dropped and may come back with `since`."""
    try:
        await asyncio.wait_for(websocket.send_json(message), SEND_S)
    except TimeoutError:
        await websocket.close(TOO_SLOW)
        raise WebSocketDisconnect(TOO_SLOW) from None


async def _drain(websocket: WebSocket) -> None:
    """Read and ignore, so that a closed socket is noticed."""
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.receive()
