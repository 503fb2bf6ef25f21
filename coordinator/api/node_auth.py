"""Signed messages of nodes: whose it is and whether it is theirs, before anything is parsed.

The hot path of the coordinator. With the node's keys in memory it reads no row.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from coordinator.api import deps
from coordinator.domain.words import plain
from coordinator.errors import BadSignature, BrokenJson, ClockSkew, InvalidRequest, Revoked, TooLarge
from coordinator.services.context import Context
from coordinator.services.node_keys import Keys
from protocol import signing
from protocol.base import InterfaceId
from protocol.interfaces import Heartbeat, Leave, Next
from protocol.problems import FieldError

log = logging.getLogger(__name__)
BODY_BYTES: Final = 1024 * 1024
_LONGEST_ID: Final = 64
_MOST_ERRORS: Final = 20

Message = TypeVar("Message", bound=BaseModel)
Own = TypeVar("Own", Heartbeat, Leave, Next)


@dataclass(frozen=True, slots=True)
class Signed:
    """Bytes, and the node whose secret signed them for this route."""

    interface_id: InterfaceId
    body: bytes


async def authenticate(request: Request, context: Context) -> Signed:
    """Read the body and check its signature. TooLarge, BadSignature, ClockSkew, Revoked."""
    body, headers = await read_body(request), dict(request.headers.items())
    interface_id = headers.get(signing.INTERFACE_HEADER, "")
    keys = await context.node_keys.of(interface_id) if 0 < len(interface_id) <= _LONGEST_ID else None
    if keys is None:
        raise BadSignature
    now, path = context.clock(), _signed_path(request)
    verdict, newest = _verdict(keys, headers, request.method, path, body, now)
    if verdict != "ok":
        keys = await context.node_keys.again(keys) or keys
        verdict, newest = _verdict(keys, headers, request.method, path, body, now)
    if verdict == "clock_skew":
        raise ClockSkew(server_time=now)
    if verdict != "ok":
        raise BadSignature
    if keys.revoked:
        raise Revoked
    if newest and not await context.node_keys.promote(keys):
        raise BadSignature
    return Signed(InterfaceId(interface_id), body)


def _verdict(
    keys: Keys, headers: Mapping[str, str], method: str, path: str, body: bytes, now: float
) -> tuple[signing.Verdict, bool]:
    """What the signature is worth, and whether the next secret made it."""
    verdict: signing.Verdict = "bad_signature"
    for secret, newest in ((keys.secret, False), (keys.next_secret, True)):
        if secret is not None:
            verdict = signing.verify(secret, "to-coordinator", headers, now=now, method=method, path=path, body=body)
            if verdict in {"ok", "clock_skew"}:
                return verdict, newest
    return verdict, False


def _signed_path(request: Request) -> str:
    """The path and query below our base address, as they arrived."""
    scope = request.scope
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    path = raw.decode("latin-1").removeprefix(scope.get("root_path", ""))
    query = scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


async def read_body(request: Request, most: int = BODY_BYTES) -> bytes:
    """The whole body. TooLarge as soon as it is longer than `most` bytes."""
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and len(announced) < 20 and int(announced) > most:
        raise TooLarge(limit=most)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise TooLarge(limit=most)
    return bytes(body)


def parsed(kind: type[Message], body: bytes) -> Message:
    """The message in a body. BrokenJson, or InvalidRequest with every wrong place as a JSON pointer."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)[:_MOST_ERRORS]
        if any(one["type"] == "json_invalid" for one in found):
            raise BrokenJson from error
        wrong = tuple(
            FieldError(pointer="".join(f"/{part}" for part in one["loc"]), code=one["type"], detail=one["msg"])
            for one in found
        )
        raise InvalidRequest(errors=wrong) from error


def note_unknown(message: BaseModel, body: bytes) -> None:
    """Log the fields that only the other side knows; called once a join, because both sides may be a version apart."""
    unknown = sorted(json.loads(body).keys() - type(message).model_fields.keys())
    if unknown:
        log.info(
            "unknown_fields",
            extra={
                "kind": type(message).__name__,
                "fields": [plain(name, _LONGEST_ID) for name in unknown[:_MOST_ERRORS]],
            },
        )


def body_of(kind: type[BaseModel]) -> dict[str, Any]:
    """For `openapi_extra`: the body of a route that checks a signature before it parses."""
    schema = kind.model_json_schema()
    inline = _inlined(schema, schema.pop("$defs", {}))
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": inline}}}}


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    match schema:
        case {"$ref": str(where)}:
            return _inlined(definitions[where.rpartition("/")[2]], definitions)
        case dict():
            return {key: _inlined(value, definitions) for key, value in schema.items()}
        case list():
            return [_inlined(value, definitions) for value in schema]
    return schema


def own(kind: type[Own], signed: Signed) -> Own:
    """The message of a signed body that says `interface_id` itself. BrokenJson, InvalidRequest, BadSignature."""
    message = parsed(kind, signed.body)
    if message.interface_id != signed.interface_id:
        raise BadSignature("signed by another node than it speaks of")
    return message


async def signed(request: Request) -> Signed:
    """`authenticate` as a dependency of a route."""
    return await authenticate(request, await deps.context(request))


SignedBody = Annotated[Signed, Depends(signed)]
