"""What nodes call: join, live, leave. Work, callbacks and artifacts have files of their own."""

from fastapi import APIRouter, Request, Response

from coordinator.api import node_auth
from coordinator.api.deps import Here
from coordinator.api.node_auth import SignedBody
from coordinator.services import registry
from protocol.base import WireModel
from protocol.interfaces import Heartbeat, HeartbeatReply, Leave, Register, Registered
from protocol.signing import INTERFACE_HEADER

router = APIRouter(prefix="/interfaces", tags=["interfaces"])


@router.post("/register", response_model=Registered, openapi_extra=node_auth.body_of(Register))
async def register(request: Request, here: Here) -> Response:
    """A node joins with the cluster string; with its signature as well it stays who it was."""
    registry.check_cluster_string(here.door, _bearer(request))
    signed = await node_auth.authenticate(request, here) if INTERFACE_HEADER in request.headers else None
    body = signed.body if signed else await node_auth.read_body(request)
    message = node_auth.parsed(Register, body)
    node_auth.note_unknown(message, body)
    signer = signed.interface_id if signed else None
    return _json(await here.database.write(lambda work: registry.register(work, here.door, message, signer)))


@router.post("/heartbeat", response_model=HeartbeatReply, openapi_extra=node_auth.body_of(Heartbeat))
async def heartbeat(signed: SignedBody, here: Here) -> Response:
    """A node lives: what it holds, how it is; answered with what it must do."""
    message = node_auth.own(Heartbeat, signed)
    return _json(await here.database.write(lambda work: registry.heartbeat(work, here.rules, message)))


@router.post("/leave", openapi_extra=node_auth.body_of(Leave))
async def leave(signed: SignedBody, here: Here) -> dict[str, str]:
    """A node goes, and is offline at once."""
    message = node_auth.own(Leave, signed)
    await here.database.write(lambda work: registry.leave(work, here.rules, message))
    return {}


def _bearer(request: Request) -> str:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""


def _json(reply: WireModel) -> Response:
    return Response(reply.model_dump_json(), headers={"Cache-Control": "no-store"}, media_type="application/json")
