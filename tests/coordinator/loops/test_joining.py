"""A node that gave an address proves that it listens there; the real coordinator asks a real socket."""

import asyncio
from collections.abc import AsyncIterator
from itertools import islice
from typing import Any

import httpx
import pytest

from coordinator.loops.joining import EARLY_S, EARLY_TRIES, FIRST_S, MOST_S, waits
from tests.coordinator.api.joined import BASE, description
from tests.coordinator.conftest import ADMIN, MakeSettings, Serve, Server
from tests.fakes.node import Asked, FakeNode, answer, fake_node, proof


class Fleet:
    """An administrator's look at the nodes, and registrations, without blocking the test's own sockets."""

    def __init__(self, server: Server, http: httpx.AsyncClient) -> None:
        self._server = server
        self._http = http

    async def register(self, said: dict[str, Any]) -> dict[str, Any]:
        """Unsigned."""
        bearer = {"Authorization": f"Bearer {self._server.settings.interface_identification}"}
        reply = await self._http.post(f"{self._server.url}{BASE}/register", json=said, headers=bearer)
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    async def look(self, interface_id: str) -> dict[str, Any]:
        """One node."""
        return dict((await self._http.get(f"/admin/interfaces/{interface_id}")).json())

    async def approve(self, interface_id: str) -> None:
        """Let it work."""
        assert (await self._http.put(f"/admin/interfaces/{interface_id}/approve")).status_code == 200


@pytest.fixture
async def fleet(serve: Serve, make_settings: MakeSettings) -> AsyncIterator[Fleet]:
    with serve(make_settings(INTERFACE_APPROVAL="manual")) as server:
        bearer = {"Authorization": f"Bearer {server.login(*ADMIN)}"}
        async with httpx.AsyncClient(base_url=f"{server.url}/api/v1", headers=bearer, timeout=30) as http:
            yield Fleet(server, http)


class Answering:
    """A node that proves whatever secret it has at the moment."""

    def __init__(self, node_id: str) -> None:
        self.node_id = node_id
        self.secret: str | None = None
        self.asked = asyncio.Semaphore(0)

    async def __call__(self, asked: Asked) -> bytes:
        self.asked.release()
        if self.secret is None:
            return answer(503)
        return proof(asked, self.node_id, self.secret)


async def becomes(fleet: Fleet, interface_id: str, lane: str) -> None:
    """Look again and again until the node is in this lane; fails after ten seconds."""
    async with asyncio.timeout(10):
        while (await fleet.look(interface_id))["lane"] != lane:
            pass


def listening(node: FakeNode, node_id: str, **changes: Any) -> dict[str, Any]:
    """What a node says that listens there."""
    return description(node_id=node_id, address=node.url, **changes)


NODE_ID = "3a3c1a52-5ad4-4a1e-9a67-1d3a3e2a9b10"


async def test_a_node_is_called_once_it_is_approved_and_has_proved_its_address(fleet: Fleet) -> None:
    answering = Answering(NODE_ID)
    async with fake_node(answering) as node:
        joined = await fleet.register(listening(node, NODE_ID))
        answering.secret = joined["secret"]
        assert node.asked == []
        await fleet.approve(joined["interface_id"])
        await becomes(fleet, joined["interface_id"], "push")
    assert {asked.method for asked in node.asked} == {"GET"}


async def test_a_node_that_reads_its_secret_late_is_asked_again(fleet: Fleet) -> None:
    answering = Answering(NODE_ID)
    async with fake_node(answering) as node:
        joined = await fleet.register(listening(node, NODE_ID))
        await fleet.approve(joined["interface_id"])
        for _ in range(3):
            await asyncio.wait_for(answering.asked.acquire(), 10)
        assert (await fleet.look(joined["interface_id"]))["lane"] == "pull"
        answering.secret = joined["secret"]
        await becomes(fleet, joined["interface_id"], "push")


async def test_somebody_else_at_the_address_is_never_called(fleet: Fleet) -> None:
    answering = Answering(NODE_ID)
    answering.secret = "not the node's"
    async with fake_node(answering) as node:
        joined = await fleet.register(listening(node, NODE_ID))
        await fleet.approve(joined["interface_id"])
        for _ in range(3):
            await asyncio.wait_for(answering.asked.acquire(), 10)
        assert (await fleet.look(joined["interface_id"]))["lane"] == "pull"


async def test_proving_the_secret_is_its_first_use(fleet: Fleet) -> None:
    answering = Answering(NODE_ID)
    async with fake_node(answering) as node:
        first = await fleet.register(listening(node, NODE_ID))
        answering.secret = first["secret"]
        await fleet.approve(first["interface_id"])
        await becomes(fleet, first["interface_id"], "push")
        stranger = await fleet.register(listening(node, NODE_ID, boot_id="another"))
    assert stranger["interface_id"] != first["interface_id"]


def test_for_a_minute_a_node_is_asked_every_few_seconds_and_then_seldom() -> None:
    pauses = list(islice(waits(), 40))
    assert pauses[0] == FIRST_S
    assert sum(pauses[:EARLY_TRIES]) >= 50
    assert max(pauses[:EARLY_TRIES]) == EARLY_S
    assert pauses[-1] == MOST_S
    assert pauses == sorted(pauses)
