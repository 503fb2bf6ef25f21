"""Requests that only the coordinator may make: bounded, then checked for their signature, then parsed."""

from typing import Annotated, Final

from fastapi import Depends, Request

from interface_node.api.problems import ProblemError
from interface_node.coordinator_client.client import CoordinatorClient
from interface_node.jobs.node import Node
from protocol import signing

BODY_LIMIT: Final = 1024 * 1024


def node_of(request: Request) -> Node:
    """The node behind this application."""
    found = request.app.state.node
    if not isinstance(found, Node):
        raise TypeError("the application has no node")
    return found


CurrentNode = Annotated[Node, Depends(node_of)]


async def signed_body(request: Request, node: CurrentNode) -> bytes:
    """The body of a request that the coordinator signed for this route. ProblemError otherwise."""
    client = node.client
    if client.credentials is None or request.headers.get(signing.INTERFACE_HEADER) != client.credentials.interface_id:
        raise ProblemError(401, "bad_signature")
    body = await _bounded(request)
    verdict = _verdict(request, client, body)
    if verdict == "clock_skew":
        raise ProblemError(401, "clock_skew", params={"server_time": client.clock.now()})
    if verdict != "ok":
        raise ProblemError(401, "bad_signature")
    return body


SignedBody = Annotated[bytes, Depends(signed_body)]


async def _bounded(request: Request) -> bytes:
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > BODY_LIMIT:
        raise ProblemError(413, "too_large")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise ProblemError(413, "too_large")
    return bytes(body)


def _verdict(request: Request, client: CoordinatorClient, body: bytes) -> signing.Verdict:
    """While a new secret waits for its first use, the coordinator may still sign with the old one."""
    path = request.scope.get("raw_path", request.url.path.encode()).decode("ascii", "replace")
    query = request.scope["query_string"].decode("ascii", "replace")
    target = f"{path}?{query}" if query else path
    verdict: signing.Verdict = "missing"
    for secret in client.credentials.secrets if client.credentials else ():
        verdict = signing.verify(
            secret,
            "to-node",
            request.headers,
            now=client.clock.now(),
            method=request.method,
            path=target,
            body=body,
        )
        if verdict in {"ok", "clock_skew"}:
            return verdict
    return verdict
