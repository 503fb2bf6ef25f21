"""The sign of life: what the node holds, how its cards are, and the orders that come back."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from interface_node.coordinator_client.answers import Gone, NotKnown, Refused, Unreachable
from interface_node.jobs import backoff, loops
from interface_node.jobs.bell import Bell
from interface_node.jobs.desk import Desk
from interface_node.jobs.membership import Membership
from interface_node.jobs.outbox import Outbox
from interface_node.jobs.pace import Pace
from protocol.interfaces import Heartbeat, HeartbeatReply
from protocol.states import Admission

_log = structlog.get_logger(__name__)


class HeartbeatLoop:
    """Beats at the coordinator's pace; with work at least every third of the lease; at once when told to."""

    def __init__(
        self,
        *,
        membership: Membership,
        desk: Desk,
        outbox: Outbox,
        compose: Callable[[int], Awaitable[Heartbeat]],
        bell: Bell,
        pace: Pace,
    ) -> None:
        self._membership = membership
        self._desk = desk
        self._outbox = outbox
        self._compose = compose
        self._changed = bell.listen()
        self._now = asyncio.Event()
        self._pace = pace
        self._waits = backoff.waits(1.0)

    def now(self) -> None:
        """Do not wait for the next beat."""
        self._now.set()

    async def tick(self) -> None:
        """One beat, and the wait until the next."""
        await self._membership.joined.wait()
        self._now.clear()
        began = time.monotonic()
        if not await self.beat():
            await loops.wait_for_any(next(self._waits), self._now)
            return
        self._waits = backoff.waits(backoff.limit(self._membership.lease_s))
        while (left := began + self._period_s() - time.monotonic()) > 0 and not self._now.is_set():
            self._changed.clear()
            await loops.wait_for_any(left, self._changed, self._now)

    async def beat(self) -> bool:
        """Send one heartbeat and follow its answer; whether it was answered."""
        known = self._membership.client.credentials
        message = await self._compose(self._membership.next_seq())
        try:
            reply = await self._membership.client.heartbeat(message)
        except NotKnown:
            await self._membership.rejoin(known)
            return False
        except (Unreachable, Gone, Refused) as error:
            _log.warning("heartbeat_not_answered", why=str(error))
            return False
        await self._follow(reply)
        return True

    async def _follow(self, reply: HeartbeatReply) -> None:
        for command in reply.commands:
            self._desk.cancel(command.attempt_id)
        for attempt_id in reply.unknown_attempts:
            if attempt_id in self._desk.attempts:
                self._desk.cancel(attempt_id, "drop")
            await self._outbox.drop(attempt_id)
        self._membership.heard(reply)

    def _period_s(self) -> float:
        membership = self._membership
        period = membership.heartbeat_s
        if membership.admission != Admission.APPROVED:
            period = min(period, self._pace.pending_s)
        if self._desk.attempts or self._outbox.held():
            leases = [attempt.assignment.lease_s for attempt in self._desk.attempts.values()]
            period = min(period, min([membership.lease_s, *leases]) / 3)
        return period
