"""Trying a receiver out: one signed message now, and what came of it."""

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Final

from coordinator.domain.webhooks import Answer
from coordinator.errors import RateLimited
from coordinator.gateway.node_secrets import NodeSecrets
from coordinator.gateway.webhook_sender import WebhookSender
from coordinator.gateway.webhook_signing import fresh_secret
from coordinator.ids import new_id
from coordinator.services import webhook_secrets, webhooks
from coordinator.store.database import Database

AT_ONCE: Final = 2
"""Trials of one account at a time."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What was sent where, and the answer."""

    message_id: str
    url: str
    answer: Answer


class TrialDesk:
    """Sends trials of this process, few of each account at a time."""

    def __init__(self, database: Database, box: NodeSecrets, sender: WebhookSender) -> None:
        self._database = database
        self._box = box
        self._sender = sender
        self._running: Counter[str] = Counter()

    async def send(self, user_id: str, url: str) -> Trial:
        """Send and wait for the answer. RateLimited: this account has others under way."""
        if self._running[user_id] >= AT_ONCE:
            raise RateLimited("Wait for the answers of the other tests")
        self._running[user_id] += 1
        try:
            return await self._send(user_id, url)
        finally:
            self._running[user_id] -= 1
            self._running += Counter()

    async def _send(self, user_id: str, url: str) -> Trial:
        message_id, first = f"msg_{new_id()}", fresh_secret()
        write = partial(webhook_secrets.ensure, box=self._box, user_id=user_id, secret=first)
        trial = partial(webhooks.trial, box=self._box, user_id=user_id, message_id=message_id)
        letter = await self._database.read(trial)
        if not letter.keys:
            await self._database.write(write)
            letter = await self._database.read(trial)
        answer = await self._sender.send(url, letter.text.encode(), letter.headers(), user_id)
        return Trial(message_id, url, answer)
