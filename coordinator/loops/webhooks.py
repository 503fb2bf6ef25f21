"""Messages to receivers: woken by the moves that they tell, claimed from the outbox, sent, and written down.

Several replicas may run it: a claim is a guarded UPDATE with a lease, and who lost it writes nothing. If it dies:
messages wait in the outbox; a claim that was not concluded ends by itself, so a message may go twice and never not at
all. No receiver holds back others: what is in flight is bounded for each account and each host, and who is at his bound
is passed over.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from coordinator.domain.news import WebhookDue
from coordinator.errors import StorageUnavailable
from coordinator.gateway.webhook_signing import fresh_secret
from coordinator.ids import new_id
from coordinator.services import webhook_secrets, webhooks
from coordinator.services.context import Context
from coordinator.store import webhooks as outbox
from coordinator.store.tables import WebhookDeliveries
from coordinator.store.work import Work

log = logging.getLogger(__name__)
AT_ONCE = 64
OF_A_USER = 4
TO_A_HOST = 8
LEASE_S = 30.0
LOOK_S = 5.0
AGAIN_S = 0.5


class Postman:
    """Delivers for one process; `holder` is its name on what it has claimed."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._holder = new_id()
        self._wake = asyncio.Event()
        self._calls: dict[asyncio.Task[None], WebhookDeliveries] = {}

    def hear(self, news: object) -> None:
        """The feed's listener."""
        if isinstance(news, WebhookDue):
            self._wake.set()

    async def resume(self) -> None:
        """After a start: where no other process can be at work, what a killed one had claimed is free again."""
        if self._context.database.is_sqlite:
            await self._context.database.write(outbox.release)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._wake.clear()
            try:
                pause = await self.look()
            except StorageUnavailable:
                pause = AGAIN_S
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    async def close(self) -> None:
        """Let go of what is in flight; it is sent again by whoever is next."""
        for call in tuple(self._calls):
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        with suppress(StorageUnavailable):
            await self._context.database.write(lambda work: outbox.release(work, self._holder))

    async def look(self) -> float:
        """Begin to send what is due and within the bounds; the seconds until it is worth looking again."""
        while chosen := await self._within_bounds():
            for row in await self._context.database.write(partial(self._claim, chosen=chosen)):
                call = asyncio.create_task(self._deliver(row))
                self._calls[call] = row
                call.add_done_callback(self._done)
        pause = await self._context.database.read(outbox.next_in_s)
        return LOOK_S if pause is None else min(LOOK_S, max(0.0, pause))

    async def _within_bounds(self) -> Sequence[WebhookDeliveries]:
        free = AT_ONCE - len(self._calls)
        if free <= 0:
            return []
        users = Counter(row.user_id for row in self._calls.values())
        hosts = Counter(row.host for row in self._calls.values())
        query = partial(
            outbox.due,
            without_users=[user for user, count in users.items() if count >= OF_A_USER],
            without_hosts=[host for host, count in hosts.items() if count >= TO_A_HOST],
            limit=free,
        )
        chosen = []
        for row in await self._context.database.read(query):
            if users[row.user_id] < OF_A_USER and hosts[row.host] < TO_A_HOST:
                users[row.user_id] += 1
                hosts[row.host] += 1
                chosen.append(row)
        return chosen

    def _claim(self, work: Work, chosen: Sequence[WebhookDeliveries]) -> list[WebhookDeliveries]:
        ids = sorted(row.id for row in chosen)  # in one order everywhere: two replicas must not wait for each other
        claims = (outbox.claim(work, key, self._holder, LEASE_S) for key in ids)
        return [row for row in claims if row is not None]

    async def _deliver(self, row: WebhookDeliveries) -> None:
        context = self._context
        box, links = context.webhook_secrets, context.links
        letter = await context.database.read(lambda work: webhooks.letter(work, box, links, row))
        if not letter.keys:
            first = fresh_secret()
            await context.database.write(lambda work: webhook_secrets.ensure(work, box, row.user_id, first))
            letter = await context.database.read(lambda work: webhooks.letter(work, box, links, row))
        answer = await context.webhook_sender.send(row.url, letter.text.encode(), letter.headers(), row.user_id)
        state = await context.database.write(lambda work: webhooks.heard(work, row, answer))
        context.gauges.webhook(str(answer.fault) if answer.fault else "taken", answer.took_s)
        facts = {"delivery_id": row.id, "task_id": row.task_id, "kind": row.kind, "host": row.host, "tries": row.tries}
        log.info("webhook_sent", extra={**facts, "status": answer.status, "fault": answer.fault, "state": state})

    def _done(self, call: asyncio.Task[None]) -> None:
        del self._calls[call]
        self._wake.set()
        if call.cancelled() or (error := call.exception()) is None:
            return
        if isinstance(error, StorageUnavailable):
            log.warning("webhook_without_database")
        else:
            log.error("webhook_failed", exc_info=error)
