"""The node's place in the fleet: joining, joining again, and what the coordinator last said about it."""

import asyncio
import time
from collections.abc import Callable

import structlog

from interface_node.coordinator_client.answers import Gone, NotKnown, Refused, Unreachable
from interface_node.coordinator_client.client import CoordinatorClient, Credentials
from interface_node.jobs import backoff
from interface_node.jobs.bell import Bell
from interface_node.jobs.ending import Ending
from protocol.interfaces import Drain, HeartbeatReply, Register, Registered
from protocol.reports import Callback, CallbackReply
from protocol.states import Admission, Lane

_log = structlog.get_logger(__name__)
JOIN_LIMIT_S = 10.0


class Membership:
    """Written by heartbeats and polls, read by everybody. `bell` rings when something changed."""

    def __init__(self, client: CoordinatorClient, ending: Ending, bell: Bell) -> None:
        self.client = client
        self.joined = asyncio.Event()
        self.lane = Lane.PULL
        self.admission = Admission.PENDING
        self.lease_s = 30.0
        self.heartbeat_s = 60.0
        self.drain_at: float | None = None
        self._ending = ending
        self._bell = bell
        self._joining = asyncio.Lock()
        self._seq = 0
        self._describe: Callable[[], Register] | None = None

    def describe_by(self, describe: Callable[[], Register]) -> None:
        """Say who describes the node when it joins."""
        self._describe = describe

    def next_seq(self) -> int:
        """Rising numbers for heartbeats and polls of this boot."""
        self._seq += 1
        return self._seq

    @property
    def draining(self) -> bool:
        """Whether the coordinator asked this node to take nothing new."""
        return self.drain_at is not None

    async def join(self) -> None:
        """Register, however long the coordinator stays away. A refusal ends the node with its sentence."""
        told = False
        for wait_s in backoff.waits(JOIN_LIMIT_S):
            try:
                self._entered(await self.client.register(self._description()))
                return
            except (Unreachable, NotKnown, Gone) as error:
                if not told:
                    _log.warning("coordinator_not_there", url=self.client.base_url, why=str(error))
                    told = True
            except Refused as error:
                self._ending.end(2, _refusal(error))
                await asyncio.Event().wait()
            await asyncio.sleep(wait_s)

    async def rejoin(self, known: Credentials | None) -> None:
        """Join again, unless somebody did so since `known` was used."""
        async with self._joining:
            now = self.client.credentials
            if (
                known is not None
                and now is not None
                and (known.interface_id, known.secrets[0])
                != (
                    now.interface_id,
                    now.secrets[0],
                )
            ):
                return
            self.joined.clear()
            _log.warning("joining_again")
            await self.join()

    async def callback(self, url: str, callback: Callback) -> CallbackReply:
        """Report on an attempt; a node that is not known joins again first. Gone when nobody wants the report."""
        await self.joined.wait()
        known = self.client.credentials
        try:
            return await self.client.callback(url, callback)
        except NotKnown:
            await self.rejoin(known)
        try:
            return await self.client.callback(url, callback)
        except NotKnown as error:
            raise Gone("the coordinator does not know this attempt") from error

    def heard(self, reply: HeartbeatReply) -> None:
        """Follow the answer to a heartbeat."""
        self.admission, self.lane = reply.admission, reply.lane
        self.heartbeat_s = max(reply.next_heartbeat_s, 0.05)
        self._heard_drain(reply.drain)
        if reply.admission == Admission.REVOKED:
            self._ending.end(2, "An administrator revoked this node.")
        self._bell.ring()

    def heard_lane(self, lane: Lane) -> None:
        """Follow the lane that a poll named."""
        self.lane = lane
        self._bell.ring()

    def _heard_drain(self, drain: Drain | None) -> None:
        if drain is None:
            self.drain_at = None
            return
        until = time.monotonic() + drain.deadline_s
        self.drain_at = until if self.drain_at is None else min(until, self.drain_at)

    def _entered(self, reply: Registered) -> None:
        self.lane, self.admission = reply.lane, reply.admission
        self.lease_s, self.heartbeat_s = reply.lease_s, max(reply.heartbeat_interval_s, 0.05)
        self.joined.set()
        self._bell.ring()
        _log.info(
            "joined",
            url=self.client.base_url,
            interface_id=reply.interface_id,
            admission=reply.admission.value,
            lane=reply.lane.value,
        )

    def _description(self) -> Register:
        if self._describe is None:
            raise RuntimeError("describe_by was not called")
        return self._describe()


_SENTENCES = {
    "bad_cluster_string": "The coordinator refuses INTERFACE_IDENTIFICATION: set the string that it was started with.",
    "revoked": "An administrator revoked this node.",
    "duplicate_identity": "Another running node has this identity: give each node a SEGFLEET_HOME of its own.",
    "unsupported_protocol": "The coordinator does not speak this protocol version: upgrade the older of the two.",
    "address_refused": "The coordinator may not call NODE_ADDRESS: correct it, or leave it empty for the pull lane.",
}


def _refusal(error: Refused) -> str:
    return _SENTENCES.get(error.code, f"The coordinator refuses this node: {error}.")
