"""Whose key signs: the secrets of nodes, remembered for a moment, because every callback needs them."""

import asyncio
from dataclasses import dataclass
from typing import Final

from coordinator.clock import monotonic
from coordinator.domain.news import InterfaceChanged
from coordinator.gateway.node_secrets import NodeSecrets
from coordinator.services.registry import sign_of_life
from coordinator.services.rules import Rules
from coordinator.store import interfaces
from coordinator.store.database import Database
from coordinator.store.work import Work
from protocol.states import Admission

FRESH_S: Final = 2.0
"""Another replica may have changed a row; its news may be late."""
RETRY_S: Final = 0.2
"""A signature that fails is checked once more against the database, but not more often than this for one node: it
waits so long for its verdict, because a node that is told that nobody knows it comes back as a stranger."""
REMEMBERED: Final = 4096


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets of one node, opened; `next_sealed` is how the next one is stored. `read_at` is monotonic seconds."""

    interface_id: str
    secret: str | None
    next_secret: str | None
    next_sealed: str | None
    revoked: bool
    read_at: float


class NodeKeys:
    """A small memory in front of the rows."""

    def __init__(self, database: Database, secrets: NodeSecrets, rules: Rules) -> None:
        self._database = database
        self._secrets = secrets
        self._rules = rules
        self._known: dict[str, Keys] = {}
        self._heard: dict[str, float] = {}
        self._doubting = asyncio.Lock()

    async def of(self, interface_id: str) -> Keys | None:
        """The keys of a node, at most FRESH_S old; None when there is no such node."""
        found = self._known.get(interface_id)
        if found is not None and monotonic() - found.read_at < FRESH_S:
            return found
        return await self._read(interface_id)

    async def again(self, keys: Keys) -> Keys | None:
        """The keys as they are now: another replica may have changed them a moment ago. All who doubt the same keys
        share one look."""
        asked = monotonic()
        await asyncio.sleep(max(0.0, keys.read_at + RETRY_S - asked))
        async with self._doubting:
            found = self._known.get(keys.interface_id)
            if found is not None and found.read_at >= asked:
                return found
            return await self._read(keys.interface_id)

    async def _read(self, interface_id: str) -> Keys | None:
        began = monotonic()
        row = await self._database.read(lambda work: interfaces.get(work, interface_id), brief=True)
        if row is None:
            self._known.pop(interface_id, None)
            return None
        keys = Keys(
            interface_id=interface_id,
            secret=self._secrets.open(row.secret) if row.secret else None,
            next_secret=self._secrets.open(row.next_secret) if row.next_secret else None,
            next_sealed=row.next_secret,
            revoked=row.admission == Admission.REVOKED,
            read_at=began,
        )
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[interface_id] = keys
        return keys

    def hear(self, news: object) -> None:
        """The feed's listener: a row that changed is read again."""
        if isinstance(news, InterfaceChanged):
            self._known.pop(news.interface_id, None)
            self._heard.pop(news.interface_id, None)

    async def promote(self, keys: Keys) -> bool:
        """The next secret was used: the old one counts no longer. Returns when that is durable; False when another
        registration has replaced the next secret a moment ago. Then what it signed must be refused, or its node would
        forget the only secret that counts."""
        sealed = keys.next_sealed
        if sealed is None:
            return False

        def unit(work: Work) -> bool:
            if interfaces.promote(work, keys.interface_id, sealed):
                return True
            row = interfaces.get(work, keys.interface_id)
            return row is not None and row.secret == sealed

        counts = await self._database.write(unit)
        self._known.pop(keys.interface_id, None)
        return counts

    async def heard(self, interface_id: str) -> None:
        """A node said something about its work: a sign of life, written down every `sign_s` at most."""
        now = monotonic()
        if interface_id in self._heard and now - self._heard[interface_id] < self._rules.sign_s:
            return
        if len(self._heard) >= REMEMBERED:
            self._heard.clear()
        self._heard[interface_id] = now
        await self._database.write(lambda work: sign_of_life(work, self._rules, interface_id), patient=True)
