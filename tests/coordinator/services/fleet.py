"""Builders of nodes for tests: what a node says when it joins, and the door that it comes through."""

import uuid
from typing import Any

from coordinator.gateway.networks import Networks
from coordinator.gateway.node_secrets import NodeSecrets
from coordinator.services import registry
from coordinator.services.registry import Approval, Door
from coordinator.services.rules import Rules
from coordinator.store import interfaces
from coordinator.store.database import Database
from coordinator.store.tables import Interfaces
from protocol.interfaces import Heartbeat, Register, Registered

RULES = Rules(lease_s=30, heartbeat_s=60)
SECRETS = NodeSecrets("a key of tests")
CLUSTER_STRING = "cluster string of tests"


def door(approval: Approval = "auto") -> Door:
    """How nodes come in."""
    return Door(RULES, approval, CLUSTER_STRING, SECRETS, Networks())


def joining(**changes: Any) -> Register:
    """A node's registration; a fresh node unless told otherwise."""
    said = {
        "node_id": str(uuid.uuid4()),
        "boot_id": f"boot-{uuid.uuid4().hex[:8]}",
        "name": "gpu-1",
        "software_version": "0.1.0",
        "protocol_version": 1,
        "slots": 2,
        "models": [{"name": "selfie", "provider": "CPUExecutionProvider", "warm": True, "speed_fps": 50}],
        "gpus": [{"index": 0, "name": "Test card", "vram_mb": 8192}],
    }
    return Register.model_validate({**said, **changes})


async def join(
    database: Database, message: Register, signer: str | None = None, approval: Approval = "auto"
) -> Registered:
    """Register."""
    return await database.write(lambda work: registry.register(work, door(approval), message, signer))


async def settle_in(database: Database, message: Register, approval: Approval = "auto") -> str:
    """Register and use the secret for the first time; the interface's id."""
    reply = await join(database, message, approval=approval)
    sealed = (await row(database, reply.interface_id)).next_secret
    assert sealed is not None
    await database.write(lambda work: interfaces.promote(work, reply.interface_id, sealed))
    return reply.interface_id


async def row(database: Database, interface_id: str) -> Interfaces:
    """The row as it is now."""
    found = await database.read(lambda work: interfaces.get(work, interface_id))
    assert found is not None
    return found


def beat(interface_id: str, message: Register, seq: int, **changes: Any) -> Heartbeat:
    """A heartbeat of the boot that registered with `message`."""
    return Heartbeat.model_validate({"interface_id": interface_id, "boot_id": message.boot_id, "seq": seq, **changes})
