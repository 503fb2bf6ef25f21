"""The pull lane: a node that cannot be called asks for its work."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

from interface_node.coordinator_client.answers import Gone, NotKnown, Refused, Unreachable
from interface_node.jobs import backoff, loops
from interface_node.jobs.bell import Bell
from interface_node.jobs.desk import Desk, Refusal
from interface_node.jobs.membership import Membership
from interface_node.jobs.outbox import Letter, Outbox
from protocol.interfaces import Next, NextReply
from protocol.reports import Callback, NodeError
from protocol.states import Admission, ErrorClass, Lane
from protocol.work import Assignment

_log = structlog.get_logger(__name__)
HURRIED_S: Final = 0.2
PAUSE_S: Final = 5.0


class PollLoop:
    """Polls while the lane is pull, the node is approved and a slot or the light one is free."""

    def __init__(
        self,
        *,
        membership: Membership,
        desk: Desk,
        outbox: Outbox,
        compose: Callable[[int], Next],
        boot_id: str,
        bell: Bell,
    ) -> None:
        self._membership = membership
        self._desk = desk
        self._outbox = outbox
        self._compose = compose
        self._boot_id = boot_id
        self._changed = bell.listen()
        self._waits = backoff.waits(10.0)

    async def tick(self) -> None:
        """One poll, or the wait until one makes sense."""
        self._changed.clear()
        if not self._wanted():
            await self._changed.wait()
            return
        known, began = self._membership.client.credentials, time.monotonic()
        message = self._compose(self._membership.next_seq())
        try:
            reply = await self._asked(message)
        except NotKnown:
            await self._membership.rejoin(known)
            return
        except (Unreachable, Gone, Refused) as error:
            _log.warning("poll_not_answered", why=str(error))
            await asyncio.sleep(next(self._waits))
            return
        self._waits = backoff.waits(10.0)
        if reply is None:
            return
        for command in reply.commands:
            self._desk.cancel(command.attempt_id)
        for assignment in reply.assignments:
            await self._take(assignment)
        self._membership.heard_lane(reply.lane)
        if not (message.free_slots or reply.assignments or reply.commands) and time.monotonic() - began < HURRIED_S:
            await self._pause()

    def _wanted(self) -> bool:
        membership = self._membership
        return (
            membership.joined.is_set()
            and membership.lane == Lane.PULL
            and membership.admission in {Admission.APPROVED, Admission.QUARANTINED}
            and not membership.draining
            and self._desk.free + self._desk.free_light > 0
        )

    async def _asked(self, message: Next) -> NextReply | None:
        """The answer, or None when more is free now than the question said.

        The next poll replaces this one; an offer that was on its way comes again, because that poll does not name it.
        """
        asking = asyncio.create_task(self._membership.client.next(message))
        try:
            while not asking.done():
                self._changed.clear()
                if self._outgrown(message):
                    return None
                changed = asyncio.create_task(self._changed.wait())
                await asyncio.wait({asking, changed}, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
            return asking.result()
        finally:
            await loops.end([asking])

    def _outgrown(self, message: Next) -> bool:
        desk = self._desk
        return bool((desk.free and not message.free_slots) or (desk.free_light and not message.light_slots))

    async def _pause(self) -> None:
        """A coordinator that knows no light slot does not wait before it answers; a slot that comes free ends it."""
        end = time.monotonic() + PAUSE_S
        while not self._desk.free and (left := end - time.monotonic()) > 0:
            self._changed.clear()
            await loops.wait_for_any(left, self._changed)

    async def _take(self, assignment: Assignment) -> None:
        """A full node keeps silent, because the offer comes again; one that cannot do it says so."""
        try:
            self._desk.take(assignment)
        except Refusal as refusal:
            _log.warning("offer_refused", attempt_id=assignment.attempt_id, code=refusal.code, why=refusal.detail)
            if refusal.cause is not None and not self._outbox.has(assignment.attempt_id):
                await self._outbox.put(self._no(assignment, refusal))

    def _no(self, assignment: Assignment, refusal: Refusal) -> Letter:
        cause = refusal.cause
        error = NodeError(
            code=refusal.code,
            detail=refusal.detail[:2000],
            error_class=cause.error_class if cause else ErrorClass.UNSUPPORTED,
            retryable=cause.retryable if cause else True,
        )
        callback = Callback(
            attempt_id=assignment.attempt_id, boot_id=self._boot_id, seq=1, kind="failed", stage="fetch", error=error
        )
        return Letter(url=assignment.callback_url, lease_s=assignment.lease_s, callback=callback)
