"""Calling nodes over real HTTP: what counts as an answer, and what does not."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_network

import pytest

from coordinator.clock import system_clock
from coordinator.gateway.interface_client import Busy, InterfaceClient, Refused, Unreachable
from coordinator.gateway.networks import Networks
from protocol import signing
from protocol.base import AttemptId, StepId, TaskId
from protocol.states import Output, StepKind
from protocol.work import Accepted, Assignment, ColorBackground, Encoding, Source
from tests.fakes.node import Asked, answer, fake_node, proof

NODE, SECRET = "0d0ab0ea-9f0f-4d5c-8e31-8f6a6ab6f6aa", "the node's own secret"
OFFER = Assignment(
    attempt_id=AttemptId("attempt1"),
    task_id=TaskId("task1"),
    step_id=StepId("step1"),
    kind=StepKind.SEGMENT,
    source=Source(url="/source", etag='"e"', sha256="0" * 64, size=1),
    background=ColorBackground(color="#00ff00"),
    model="selfie",
    outputs=(Output.COMPOSITE,),
    encoding=Encoding(),
    upload_urls={Output.COMPOSITE: "/up"},
    callback_url="/callback",
    attempt_token="t" * 32,
    lease_s=30,
)


@pytest.fixture
async def client() -> AsyncIterator[InterfaceClient]:
    opened = InterfaceClient(system_clock, Networks())
    yield opened
    await opened.close()


def always(reply: bytes) -> Callable[[Asked], Awaitable[bytes]]:
    async def give(_asked: Asked) -> bytes:
        return reply

    return give


async def truthful(asked: Asked) -> bytes:
    return proof(asked, NODE, SECRET)


async def test_a_node_that_holds_its_secret_is_identified(client: InterfaceClient) -> None:
    async with fake_node(truthful) as node:
        assert await client.identify(node.url, NODE, SECRET)


async def test_a_prefix_of_a_proxy_stays_in_front_of_every_path(client: InterfaceClient) -> None:
    async with fake_node(truthful) as node:
        assert await client.identify(f"{node.url}/gpu/7", NODE, SECRET)
    assert node.asked[0].path.startswith("/gpu/7/identity?nonce=")


async def test_every_question_has_a_nonce_of_its_own(client: InterfaceClient) -> None:
    async with fake_node(truthful) as node:
        await client.identify(node.url, NODE, SECRET)
        await client.identify(node.url, NODE, SECRET)
    assert len({asked.path for asked in node.asked}) == 2


@pytest.mark.parametrize(("node_id", "secret"), [(NODE, "another secret"), (NODE[::-1], SECRET)])
async def test_another_secret_or_another_node_is_not_identified(
    client: InterfaceClient, node_id: str, secret: str
) -> None:
    async with fake_node(truthful) as node:
        assert not await client.identify(node.url, node_id, secret)


async def test_an_identity_is_not_looked_for_where_a_redirect_leads(client: InterfaceClient) -> None:
    async with fake_node(truthful) as real:
        asked_elsewhere = answer(307, headers=f"Location: {real.url}/identity?nonce=x\r\n")
        async with fake_node(always(asked_elsewhere)) as node:
            assert not await client.identify(node.url, NODE, SECRET)
        assert real.asked == []


async def test_an_identity_of_more_than_a_kilobyte_is_not_read(client: InterfaceClient) -> None:
    async def wordy(asked: Asked) -> bytes:
        return (
            proof(asked, NODE, SECRET)
            .replace(b"Content-Length: ", b"X: ")
            .replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" + b" " * 1024 + b"\r\nC8\r\n")
            + b"\r\n0\r\n\r\n"
        )

    async with fake_node(wordy) as node:
        assert not await client.identify(node.url, NODE, SECRET)


async def test_a_node_that_does_not_answer_in_time_is_not_identified(client: InterfaceClient) -> None:
    never = asyncio.Event()

    async def silent(_asked: Asked) -> bytes:
        await never.wait()
        return b""

    async with fake_node(silent) as node:
        assert not await client.identify(node.url, NODE, SECRET)


@pytest.mark.parametrize("address", ["http://169.254.169.254", "http://[fe80::1]:80", "http://0.0.0.0:1"])
async def test_a_forbidden_address_is_not_connected_to(client: InterfaceClient, address: str) -> None:
    found = await client.assign(address, "i1", SECRET, OFFER)
    assert isinstance(found, Unreachable)
    assert not found.connected
    assert "not called" in found.reason


async def test_a_name_is_judged_by_what_it_resolves_to() -> None:
    narrow = InterfaceClient(system_clock, Networks([ip_network("10.0.0.0/8")]))
    async with fake_node(truthful) as node:
        assert not await narrow.identify(f"http://localhost:{node.port}", NODE, SECRET)
    await narrow.close()
    assert node.asked == []


async def test_an_offer_is_signed_for_its_path_below_the_address(client: InterfaceClient) -> None:
    async def take(asked: Asked) -> bytes:
        return answer(202, {"attempt_id": "attempt1", "boot_id": "boot1"})

    async with fake_node(take) as node:
        found = await client.assign(f"{node.url}/prefix", "interface1", SECRET, OFFER)
    assert found == Accepted(attempt_id=AttemptId("attempt1"), boot_id="boot1")
    (asked,) = node.asked
    assert (asked.method, asked.path) == ("POST", "/prefix/process")
    assert asked.headers[signing.INTERFACE_HEADER] == "interface1"
    assert Assignment.model_validate_json(asked.body) == OFFER
    verdict = signing.verify(
        SECRET, "to-node", asked.headers, now=system_clock(), method="POST", path="/process", body=asked.body
    )
    assert verdict == "ok"


def problem(status: int, code: str, **params: str) -> bytes:
    body = {
        "type": f"/problems#{code}",
        "title": "T",
        "status": status,
        "code": code,
        "detail": "why",
        "params": params,
    }
    return answer(status, body)


async def test_a_busy_node_and_one_that_cannot_are_told_apart(client: InterfaceClient) -> None:
    async with fake_node(always(problem(409, "node_busy"))) as node:
        assert await client.assign(node.url, "i1", SECRET, OFFER) == Busy()
    async with fake_node(always(problem(422, "unknown_model"))) as node:
        assert await client.assign(node.url, "i1", SECRET, OFFER) == Refused("unknown_model", "why")


@pytest.mark.parametrize(
    "reply",
    [
        answer(502, b"<html>Bad gateway</html>"),
        answer(200, {"attempt_id": "attempt1", "boot_id": "b"}),
        answer(202, {"attempt_id": "another", "boot_id": "b"}),
        answer(202, b"<html>Accepted by a proxy</html>"),
        answer(409, b"<html>Conflict</html>"),
        answer(422, {"detail": "some framework"}),
        problem(409, "node_busy", attempt_id="another"),
        problem(401, "bad_signature"),
        answer(302, headers="Location: http://127.0.0.1:1/process\r\n"),
        answer(202, {"attempt_id": "attempt1", "boot_id": "b", "padding": "x" * 70_000}),
        b"nonsense\r\n\r\n",
        b"",
    ],
    ids=lambda reply: reply[:40].decode("latin-1").replace("\r\n", " ") or "closed",
)
async def test_what_is_not_the_nodes_own_answer_is_unreachable(client: InterfaceClient, reply: bytes) -> None:
    async def give(_asked: Asked) -> bytes:
        if not reply:
            raise ConnectionError
        return reply

    async with fake_node(give) as node:
        found = await client.assign(node.url, "i1", SECRET, OFFER)
    assert isinstance(found, Unreachable)
    assert found.connected


async def test_a_refused_connection_is_told_apart_from_a_lost_answer(client: InterfaceClient) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = await client.assign(f"http://127.0.0.1:{taken.getsockname()[1]}", "i1", SECRET, OFFER)
    assert isinstance(found, Unreachable)
    assert not found.connected


async def test_a_cancel_is_signed_and_heard_also_when_the_attempt_is_gone(client: InterfaceClient) -> None:
    for status, heard in ((204, True), (404, True), (410, True), (500, False)):
        async with fake_node(always(answer(status))) as node:
            assert await client.cancel(node.url, "i1", SECRET, "attempt1") is heard
        (asked,) = node.asked
        assert (asked.method, asked.path) == ("DELETE", "/process/attempt1")
        verdict = signing.verify(
            SECRET, "to-node", asked.headers, now=system_clock(), method="DELETE", path="/process/attempt1", body=b""
        )
        assert verdict == "ok"


async def test_a_cancel_that_reaches_nobody_was_not_heard(client: InterfaceClient) -> None:
    assert not await client.cancel("http://127.0.0.1:1", "i1", SECRET, "attempt1")
