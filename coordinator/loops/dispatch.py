"""Waiting steps to idle nodes: woken by every event that could make a match, never by a clock in the happy path.

If it dies: nothing is offered. It catches what it can name; anything else is logged and the next wake-up goes on.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, assert_never

from coordinator.domain.news import AttemptStopping, Elsewhere, QueueChanged
from coordinator.errors import StorageUnavailable
from coordinator.gateway.interface_client import Busy, Refused, Unreachable
from coordinator.services import dispatching, registry
from coordinator.services.assignments import assignment
from coordinator.services.context import Context
from coordinator.services.dispatching import ClaimLostError, Offer
from coordinator.store import fleet
from coordinator.store.tables import Interfaces
from protocol.states import Lane
from protocol.work import Accepted

log = logging.getLogger(__name__)
AGAIN_S = 0.25
AGAIN_MOST_S = 4.0
CANCEL_TRIES = 4


class Dispatcher:
    """Claims, sends offers in the push lane, hands them to polls in the pull lane, and tells nodes to stop."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._wake = asyncio.Event()
        self._race = False
        self._calls: set[asyncio.Task[None]] = set()

    def wake(self, *, race: bool = False) -> None:
        """Something changed: look for matches; with `race` for stragglers, too, where nothing waits."""
        self._race = self._race or race
        self._wake.set()

    def hear(self, news: object) -> None:
        """The feed's listener. What another replica queued may be for a node that polls here."""
        match news:
            case QueueChanged() | Elsewhere(queue=True):
                self.wake()
            case AttemptStopping() if not self._context.polls.deliver(news.interface_id, None):
                self._spawn(self._stop(news))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            race, self._race = self._race, False
            try:
                while await self._match(race):
                    pass
            except StorageUnavailable:
                await asyncio.sleep(AGAIN_S)
                self.wake()
            except Exception:
                log.exception("dispatch_failed")

    async def close(self) -> None:
        """Let go of calls in flight; the offers are sent again by whoever starts next."""
        for call in tuple(self._calls):
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _match(self, race: bool) -> bool:
        context = self._context
        polls = context.polls.polling()
        try:
            found = await context.database.write(lambda work: dispatching.claim(work, context.rules, polls, race=race))
        except ClaimLostError:
            return True
        offer, again = found
        if offer is None:
            return again
        if offer.attempt.lane == Lane.PUSH:
            self._spawn(self._send(offer))
        else:
            # a poll that ended meanwhile gets the offer from its next one, whose list will lack it
            context.polls.deliver(offer.interface.id, offer)
        return again

    async def resend(self) -> None:
        """After a start: offers of the push lane whose POST nobody is making."""
        for offer in await self._context.database.read(dispatching.pushed_offers):
            self._spawn(self._send(offer))

    async def _send(self, offer: Offer) -> None:
        """POST until the node answers, the lease ends or nobody wants it any more."""
        context, interface = self._context, offer.interface
        keys = await context.node_keys.of(interface.id)
        if keys is None or keys.secret is None or interface.address is None:
            return
        document = assignment(offer, context.attempt_tokens, context.rules)
        delay = AGAIN_S
        while True:
            answer = await context.interface_client.assign(interface.address, interface.id, keys.secret, document)
            if await self._settled(offer, answer):
                return
            await asyncio.sleep(delay)
            delay = min(AGAIN_MOST_S, 2 * delay)
            if await context.database.read(lambda work: dispatching.offer_of(work, offer.attempt.id)) is None:
                return

    async def _settled(self, offer: Offer, answer: Accepted | Busy | Refused | Unreachable) -> bool:
        write, rules, key = self._context.database.write, self._context.rules, offer.attempt.id
        match answer:
            case Accepted(boot_id=boot_id):
                # the node works already, and its first callback would say the same
                running = await write(lambda work: dispatching.accept(work, rules, key, boot_id), patient=True)
                if running is None:
                    await self._cancel(offer.interface, key)
                else:
                    self._context.book.remember(running)
            case Busy():
                await write(lambda work: dispatching.busy(work, rules, key))
            case Refused(code=code, detail=detail):
                await write(lambda work: dispatching.refused(work, rules, key, code, detail))
            case Unreachable(connected=False):
                await write(lambda work: dispatching.not_connected(work, rules, key))
            case Unreachable():
                await write(lambda work: registry.unreachable(work, offer.interface.id))
                return False
            case _ as never:
                assert_never(never)
        return True

    async def _stop(self, news: AttemptStopping) -> None:
        """Tell the node directly; callbacks, polls and heartbeats tell it again should this fail."""
        row = await self._context.database.read(lambda work: fleet.get(work, news.interface_id))
        if row is not None:
            await self._cancel(row, news.attempt_id)

    async def _cancel(self, interface: Interfaces, attempt_id: str) -> None:
        keys = await self._context.node_keys.of(interface.id)
        if interface.lane != Lane.PUSH or interface.address is None or keys is None or keys.secret is None:
            return
        for attempt in range(CANCEL_TRIES):
            client = self._context.interface_client
            if await client.cancel(interface.address, interface.id, keys.secret, attempt_id):
                return
            await asyncio.sleep(AGAIN_S * 2**attempt)

    def _spawn(self, call: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(call)
        self._calls.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("call_to_node_failed", exc_info=error)
