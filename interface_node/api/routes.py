"""`/process` and `/identity` for the coordinator; `/health` and `/metrics` for whoever watches the machine."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import ValidationError

from interface_node.api.problems import ProblemError
from interface_node.api.signed import CurrentNode, SignedBody
from interface_node.jobs.desk import Refusal
from protocol import signing
from protocol.base import AttemptId
from protocol.interfaces import Identity
from protocol.problems import FieldError
from protocol.work import Accepted, Assignment

router = APIRouter()


@router.post("/process", status_code=202, operation_id="process_start")
async def start(node: CurrentNode, body: SignedBody) -> Accepted:
    """Take one attempt, or say why not: 409 without a free slot, 422 when this node cannot do it."""
    assignment = _assignment(body)
    try:
        node.desk.answer(assignment, draining=node.membership.draining)
    except Refusal as refusal:
        params = {"attempt_id": assignment.attempt_id}
        raise ProblemError(refusal.status, refusal.code, refusal.detail, params) from refusal
    return Accepted(attempt_id=assignment.attempt_id, boot_id=node.boot_id)


@router.delete("/process/{attempt_id}", status_code=204, operation_id="process_cancel")
async def cancel(node: CurrentNode, _body: SignedBody, attempt_id: str) -> None:
    """Stop an attempt; also when it is not here (any more)."""
    node.desk.cancel(AttemptId(attempt_id))


@router.get("/identity", operation_id="identity")
async def identity(node: CurrentNode, nonce: Annotated[str, Query(min_length=8, max_length=200)]) -> Identity:
    """Prove that this address belongs to the node that registered."""
    known = node.client.credentials
    if known is None:
        raise ProblemError(404, "not_found", "this node has not joined yet")
    proof = signing.identity_proof(known.secrets[0], nonce)
    return Identity(node_id=node.identity.node_id, boot_id=node.boot_id, proof=proof)


@router.get("/health", operation_id="health")
async def health(node: CurrentNode, response: Response) -> dict[str, Any]:
    """200 while this process is well; 503 when a thread of it hangs."""
    response.status_code = 200 if node.healthy else 503
    membership = node.membership
    return {
        "status": "healthy" if node.healthy else "unhealthy",
        "provider": node.work.provider,
        "joined": membership.joined.is_set(),
        "admission": membership.admission,
        "lane": membership.lane,
        "draining": node.desk.closed or membership.draining,
        "slots": node.desk.slots,
        "running": [
            {"attempt_id": attempt.id, "stage": attempt.progress.stage, "frames_done": attempt.progress.frames_done}
            for attempt in node.desk.attempts.values()
        ],
    }


@router.get("/metrics", operation_id="metrics")
async def metrics(node: CurrentNode) -> Response:
    """Prometheus text."""
    return Response(generate_latest(node.meters.registry), media_type=CONTENT_TYPE_LATEST)


def _assignment(body: bytes) -> Assignment:
    try:
        return Assignment.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        if found[0]["type"] == "json_invalid":
            raise ProblemError(400, "broken_json", found[0]["msg"]) from error
        places = tuple(
            FieldError(pointer="/" + "/".join(str(part) for part in one["loc"]), code=one["type"], detail=one["msg"])
            for one in found[:20]
        )
        raise ProblemError(422, "invalid_request", errors=places) from error
