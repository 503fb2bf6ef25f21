"""A simulated node's line to the coordinators: joining, signing, and what their answers mean."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from coordinator.ids import new_id
from protocol import signing
from protocol.base import AttemptId, InterfaceId, NodeId, WireModel
from protocol.interfaces import NodeModel, Register, Registered
from protocol.reports import Callback, CallbackReply
from protocol.states import Admission, Lane
from scripts.faults.parties import NoAnswer, NotConnected

if TYPE_CHECKING:
    from scripts.faults.simulated_node import Node

BASE: Final = "/api/v1/interfaces"
CLUSTER_STRING: Final = "the cluster string of simulated nodes"
SKEWED: Final = "clock_skew "
"""What the answer to a wrong clock begins with; the server's time follows."""
CALL_S: Final = 5.0
BACKOFF_MOST_S: Final = 3.0


class Unanswered(Exception):
    """Nobody answered, or not with sense."""


class NotKnown(Exception):
    """The coordinator does not know who signs."""


class Gone(Exception):
    """Nobody wants to hear about this attempt."""


NO_WORD: Final = (Unanswered, NotKnown, Gone)


@dataclass
class Home:
    """What lies on the node's disk. `letters` are outcomes that no coordinator has acknowledged."""

    node_id: NodeId
    address: str | None
    interface_id: InterfaceId = field(default=InterfaceId(""))
    secrets: tuple[str, ...] = ()
    letters: dict[AttemptId, Callback] = field(default_factory=dict)
    boots: int = 0


class Line:
    """One process's. What the coordinator last said about the node is here, too."""

    def __init__(self, node: "Node") -> None:
        self._node = node
        self._home = node.home
        self._ahead = 0.0
        self.joined = asyncio.Event()
        self.lane = Lane.PULL
        self.admission = Admission.PENDING
        self.lease_s = 30.0
        self.period_s = 60.0

    async def join(self) -> None:
        """Register, however long that takes."""
        wait = 0.5
        while True:
            for secret in (*self._home.secrets, None):
                try:
                    self._entered(await self._register(secret), secret)
                    return
                except NotKnown:
                    continue
                except (Unanswered, Gone):
                    break
            await self._node.pause(wait * self._node.chance.uniform(0.5, 1.0))
            wait = min(BACKOFF_MOST_S, 2 * wait)

    async def _register(self, secret: str | None) -> Registered:
        node = self._node
        message = Register.model_validate(
            {
                "node_id": self._home.node_id,
                "boot_id": node.boot_id,
                "name": node.name,
                "address": self._home.address,
                "software_version": "simulated",
                "protocol_version": 1,
                "slots": node.character.slots,
                "models": [
                    NodeModel(name=name, provider="CPUExecutionProvider", warm=True) for name in node.character.models
                ],
                "attempts": node.held(),
            }
        )
        return Registered.model_validate_json(await self._ask(f"{BASE}/register", message, secret, CALL_S))

    def _entered(self, reply: Registered, secret: str | None) -> None:
        self._home.interface_id = reply.interface_id
        self._home.secrets = (reply.secret, *((secret,) if secret else ()))
        self.heard(reply.server_time, reply.lane)
        self.admission, self.lease_s, self.period_s = reply.admission, reply.lease_s, reply.heartbeat_interval_s
        self.joined.set()
        node = self._node
        node.world.ledger.joined(node.name, reply.interface_id, node.boot_id, node.character.slots)

    def heard(self, server_time: float, lane: Lane) -> None:
        """What most answers say."""
        self._ahead = server_time - self._node.world.machine.elapsed
        self.lane = lane

    async def _rejoin(self, known: str) -> None:
        """Join again, unless that has happened since `known` was the secret."""
        if self.joined.is_set() and self._home.secrets[0] == known:
            self.joined.clear()
            try:
                await self.join()
            finally:
                self.joined.set()  # the attempt that asked may be stopped meanwhile: then somebody else joins
        await self.joined.wait()

    async def signed(self, path: str, message: WireModel, timeout: float) -> str:
        """A signed message and the answer's JSON. Unanswered; NotKnown after another registration; Gone."""
        await self.joined.wait()
        secret = self._home.secrets[0]
        try:
            answer = await self._ask(BASE + path, message, secret, timeout)
        except NotKnown:
            await self._rejoin(secret)
            raise
        if self._home.secrets[0] == secret:
            self._home.secrets = (secret,)
        return answer

    async def report(self, callback: Callback) -> str | None:
        """The command that answers a callback; None: no answer. Gone."""
        try:
            answer = await self.signed(f"/callbacks/{callback.attempt_id}", callback, CALL_S)
        except (Unanswered, NotKnown):
            return None
        return CallbackReply.model_validate_json(answer).command

    async def send_up(self, path: str, token: str, size: int) -> int | None:
        """Send a file's bytes; the status, None without an answer."""
        try:
            status, _ = await self._carry("PUT", path, {"authorization": f"Bearer {token}"}, str(size).encode(), CALL_S)
        except Unanswered:
            return None
        return status

    async def _ask(self, path: str, message: WireModel, secret: str | None, timeout: float) -> str:
        """The answer's JSON. A wrong clock is set by what the answer says, and the message signed once more."""
        status, answer = await self._sent(path, message, secret, timeout)
        if status == 401 and answer.startswith(SKEWED):
            self._ahead = float(answer.removeprefix(SKEWED)) - self._node.world.machine.elapsed
            status, answer = await self._sent(path, message, secret, timeout)
        if status == 401:
            raise NotKnown
        if status == 410:
            raise Gone
        if status != 200:
            raise Unanswered(f"{status} {answer}")
        return answer

    async def _sent(self, path: str, message: WireModel, secret: str | None, timeout: float) -> tuple[int, str]:
        body = message.model_dump_json().encode()
        headers = {"authorization": f"Bearer {CLUSTER_STRING}"}
        if secret is not None:
            now = self._ahead + self._node.world.machine.elapsed
            headers |= signing.sign(
                secret, "to-coordinator", message_id=f"msg_{new_id()}", now=now, method="POST", path=path, body=body
            )
            headers[signing.INTERFACE_HEADER] = self._home.interface_id
        return await self._carry("POST", path, headers, body, timeout)

    async def _carry(
        self, method: str, path: str, headers: dict[str, str], body: bytes, timeout: float
    ) -> tuple[int, str]:
        """One HTTP request to any coordinator. Unanswered."""
        world = self._node.world
        replica = world.any_replica(self._node.chance)
        try:
            return await world.network.ask(
                self._node, replica, lambda: replica.answer(method, path, headers, body), timeout
            )
        except (NotConnected, NoAnswer) as error:
            raise Unanswered from error
