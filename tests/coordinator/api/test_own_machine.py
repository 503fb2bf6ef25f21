from pathlib import Path

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from coordinator.app import create_app
from coordinator.settings import from_environment
from tests.coordinator.api.test_auth import code

STRONG = {"JWT_SECRET": "j" * 32, "INTERFACE_IDENTIFICATION": "c" * 16}


async def ask(home: Path, peer: str, **secrets: str) -> httpx.Response:
    """`GET /api/v1/nothing` as if uvicorn listened everywhere, whatever API_HOST says."""
    app = create_app(from_environment(environment=secrets, directory=home))

    async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": {}}, receive, send)

    transport = httpx.ASGITransport(with_state, client=(peer, 50000))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get("/api/v1/nothing")


@pytest.mark.parametrize("peer", ["192.0.2.1", "2001:db8::1", "10.0.0.1"])
async def test_a_stranger_meets_no_weak_secret(tmp_path: Path, peer: str) -> None:
    refused = await ask(tmp_path, peer)
    assert code(refused) == (403, "loopback_only")
    assert "JWT_SECRET is the documented default" in refused.json()["detail"]
    assert code(await ask(tmp_path, peer, **STRONG)) == (404, "not_found")


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "127.8.8.8"])
async def test_ones_own_machine_works_with_the_documented_defaults(tmp_path: Path, peer: str) -> None:
    assert code(await ask(tmp_path, peer)) == (404, "not_found")
