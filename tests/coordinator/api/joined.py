"""A node as the coordinator sees it over HTTP: it registers, and signs what it says."""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx

from coordinator.clock import system_clock
from protocol import signing
from tests.coordinator.conftest import Server

BASE = "/api/v1/interfaces"


def description(**changes: Any) -> dict[str, Any]:
    """What a fresh node says about itself."""
    return {
        "node_id": str(uuid.uuid4()),
        "boot_id": f"boot-{uuid.uuid4().hex[:8]}",
        "name": "gpu-1",
        "software_version": "0.1.0",
        "protocol_version": 1,
        "slots": 2,
        "models": [{"name": "selfie", "provider": "CPUExecutionProvider", "warm": True, "speed_fps": 50}],
        "gpus": [{"index": 0, "name": "Test card", "vram_mb": 8192}],
        **changes,
    }


def register(server: Server, said: dict[str, Any], cluster_string: str | None = None) -> httpx.Response:
    """Unsigned."""
    given = server.settings.interface_identification if cluster_string is None else cluster_string
    return httpx.post(f"{server.url}{BASE}/register", json=said, headers={"Authorization": f"Bearer {given}"})


@dataclass
class Node:
    """A registered node; every argument of `post` after the body is something that may be wrong."""

    server: Server
    said: dict[str, Any]
    interface_id: str
    secret: str = field(repr=False)

    @property
    def boot_id(self) -> str:
        """The process that registered."""
        return str(self.said["boot_id"])

    def post(
        self,
        path: str,
        body: dict[str, Any] | bytes,
        *,
        secret: str | None = None,
        interface_id: str | None = None,
        signed_path: str | None = None,
        late_s: float = 0.0,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """POST below /api/v1/interfaces, signed."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        signed = signing.sign(
            secret or self.secret,
            "to-coordinator",
            message_id=f"msg_{uuid.uuid4().hex}",
            now=system_clock() - late_s,
            method="POST",
            path=BASE + (signed_path or path),
            body=content,
        )
        signed |= {signing.INTERFACE_HEADER: interface_id or self.interface_id, "content-type": "application/json"}
        return httpx.post(f"{self.server.url}{BASE}{path}", content=content, headers={**signed, **(headers or {})})

    def beat(self, seq: int, **changes: Any) -> httpx.Response:
        """A heartbeat."""
        said = {"interface_id": self.interface_id, "boot_id": self.boot_id, "seq": seq}
        return self.post("/heartbeat", {**said, **changes})

    def register_again(self, **changes: Any) -> httpx.Response:
        """Signed."""
        bearer = {"Authorization": f"Bearer {self.server.settings.interface_identification}"}
        self.said = {**self.said, **changes}
        return self.post("/register", self.said, headers=bearer)


def join(server: Server, **changes: Any) -> Node:
    """A node that has registered."""
    said = description(**changes)
    answer = register(server, said)
    assert answer.status_code == 200, answer.text
    return Node(server, said, answer.json()["interface_id"], answer.json()["secret"])
