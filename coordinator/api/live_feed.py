"""The hub: reads what was committed, in order and once, and owes it to every socket that may know it.

News of this process and of other replicas (`domain.news.Elsewhere`) only say that there is something to read; every
`LOOK_S` it is looked for without them. Whoever reads for sockets that are up to date holds `turn`, so that older words
never follow newer ones, and nobody joins them half-way. While no socket is open nothing is read.

If it dies: sockets are told nothing new; `run` logs whatever happens and goes on.
"""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial

from coordinator.api import live_identity, live_messages
from coordinator.api.live_audience import Audience
from coordinator.api.live_messages import QUEUE
from coordinator.api.live_reader import Reader
from coordinator.clock import monotonic
from coordinator.domain.news import Elsewhere, InterfaceChanged, QueueChanged, TaskChanged
from coordinator.errors import StorageUnavailable
from coordinator.services.context import Context
from coordinator.store import history
from coordinator.store.history import Doubt
from coordinator.store.tables import Events
from coordinator.store.work import Work
from protocol.live import Close, Topic

log = logging.getLogger(__name__)
LOOK_S = 2.0
GATHER_S = 0.02
"""Events of so long are read together."""
NUMBERS_S = 0.25
FLEET_S = 1.0
CHUNK = 200
MOST_TASKS = 200
MOST_NODES = 50
"""What one round of numbers looks at; the rest comes in the next one."""


class Hub:
    """One for each process; `run` is its loop and `hear` its ear."""

    def __init__(self, here: Context, audience: Audience) -> None:
        self._here = here
        self.audience = audience
        self.turn = asyncio.Lock()
        self.position: int | None = None
        self._doubt: Doubt | None = None
        self._wake = asyncio.Event()
        self._progress: dict[str, None] = {}
        self._nodes: dict[str, None] = {}
        self._queue = False
        self._looked_at = self._numbers_at = self._fleet_at = 0.0

    def hear(self, news: object) -> None:
        """The feed's listener."""
        if not self.audience.open:
            return
        match news:
            case TaskChanged(task_id=task_id, user_id=user_id, seq=None):
                if self.audience.of_task(user_id):
                    self._progress[task_id] = None
            case TaskChanged():
                self._wake.set()
            case InterfaceChanged(interface_id=interface_id):
                self._nodes[interface_id] = None
            case QueueChanged():
                self._queue = True
            case Elsewhere():
                self._progress.update(dict.fromkeys(news.progress))
                self._nodes.update(dict.fromkeys(news.interfaces))
                self._queue = self._queue or news.queue
                if news.moved:
                    self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._round()
            except StorageUnavailable:
                await asyncio.sleep(LOOK_S)
            except Exception:
                log.exception("live_failed")
                await asyncio.sleep(LOOK_S)

    async def _round(self) -> None:
        woken = await self._woken()
        if woken:
            await asyncio.sleep(GATHER_S)
        now = monotonic()
        if not self.audience.open:
            await self._rest()
            return
        if woken or self._doubt is not None or now - self._looked_at >= LOOK_S:
            self._wake.clear()
            await self.look()
        if self._progress and now - self._numbers_at >= NUMBERS_S:
            self._numbers_at = now
            await self._tell_numbers()
        if now - self._fleet_at >= FLEET_S:
            self._fleet_at = now
            await self._tell_fleet()

    async def _woken(self) -> bool:
        """Whether something happened, rather than that it is time to look."""
        patience = GATHER_S if self._doubt is not None else NUMBERS_S if self.audience.open else LOOK_S
        try:
            async with asyncio.timeout(patience):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    async def _rest(self) -> None:
        """Nobody listens: know nothing, so that whoever comes next begins at the end."""
        async with self.turn:
            if not self.audience.open:
                self.position = self._doubt = None
                self._wake.clear()
        self._progress.clear()
        self._nodes.clear()

    async def begin(self) -> int:
        """The number up to which everything has been told; when nobody listened before, that of the newest event, as
        soon as nothing older can come any more. For the caller, whose socket must be `open`, it never goes back."""
        async with self.turn:
            if self.position is None:
                self.position = await self._settled()
            return self.position

    async def _settled(self) -> int:
        read = self._here.database.read
        doubt = await read(lambda work: history.doubt_newest(work, monotonic()))
        while True:
            left = await read(partial(_narrowed, doubt=doubt))
            if left is None:
                return doubt.upto
            doubt = left
            await asyncio.sleep(GATHER_S)

    async def look(self) -> None:
        """Read what can be told now, and owe it."""
        async with self.turn:
            self._looked_at = monotonic()
            more = self.position is not None
            while more:
                more = await self._look()

    async def _look(self) -> bool:
        """One piece of it; whether there may be more at once."""
        position, doubt, now = self.position or 0, self._doubt, monotonic()
        found = await self._here.database.read(lambda work: history.look(work, position, doubt, CHUNK, now))
        await self._owe(found.rows)
        self.position, self._doubt = found.position, found.doubt
        return len(found.rows) == CHUNK

    async def _owe(self, rows: Sequence[Events]) -> None:
        """Owe events to their readers, and end those whose rights have ended: both are read in one unit."""
        self._nodes.update({str(row.data["interface_id"]): None for row in rows if row.data.get("interface_id")})
        wanted = [row for row in rows if self.audience.of_task(row.user_id or "")]
        if not wanted:
            return
        readers = self.audience.of_tasks({row.user_id or "" for row in wanted})
        identities = [reader.identity for reader in readers]
        here = self._here
        standings, told = await here.database.read(
            lambda work: (live_identity.look(work, identities), live_messages.events(work, here, wanted))
        )
        end(readers, standings)
        for event in told:
            for reader in self.audience.of_task(event.user_id):
                reader.owe_event(event.seq, event.thing, event.text)

    async def _tell_numbers(self) -> None:
        taken = list(self._progress)[:MOST_TASKS]
        for task_id in taken:
            del self._progress[task_id]
        async with self.turn:
            here = self._here
            found = await here.database.read(lambda work: live_messages.numbers(work, here, taken))
            for standing in found:
                for reader in self.audience.of_task(standing.user_id):
                    reader.owe_numbers(standing.thing, standing.text)

    async def _tell_fleet(self) -> None:
        here, watchers = self._here, self.audience.of_topic(Topic.INTERFACES)
        taken = list(self._nodes)[:MOST_NODES]
        for interface_id in taken:
            del self._nodes[interface_id]
        if taken and watchers:
            texts = await here.database.read(
                lambda work: {key: live_messages.interface(work, here, key) for key in taken}
            )
            for key, text in texts.items():
                for reader in self.audience.of_topic(Topic.INTERFACES):
                    reader.owe_numbers(("interface", key), text)
        if self._queue and self.audience.of_topic(Topic.QUEUE):
            self._queue = False
            text = await here.database.read(lambda work: live_messages.queue(work, here))
            for reader in self.audience.of_topic(Topic.QUEUE):
                reader.owe_numbers(QUEUE, text)


def _narrowed(work: Work, *, doubt: Doubt) -> Doubt | None:
    return history.narrowed(work, doubt, doubt.upto - history.LOOK_BACK, monotonic())


def end(readers: set[Reader], standings: live_identity.Standings) -> None:
    """Close the sockets whose account or key is not what it was."""
    for reader in readers:
        refusal = standings.refusal(reader.identity)
        if refusal is not None:
            reader.end(Close.UNAUTHORIZED, refusal.code)
