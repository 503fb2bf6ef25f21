"""What happens by the clock: leases end, silent nodes are offline, live tasks are settled again, old things go.

Every tick makes guarded moves only, so that running it twice, or on every replica, is safe.
"""

import logging
from collections.abc import Sequence
from functools import partial

from coordinator.clock import monotonic
from coordinator.domain.news import QueueChanged
from coordinator.services import doubt, leases, progress, refusals, registry, sampling, settling
from coordinator.services.context import Context
from coordinator.services.rules import Rules
from coordinator.store import tasks, waits
from coordinator.store.tables import Steps
from coordinator.store.work import Work

log = logging.getLogger(__name__)


class Ticks:
    """The periodic work of one process; `loops.schedule` says how often."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._pulse = doubt.Pulse()
        self._failed = False

    def database_failed(self) -> None:
        """A write failed: the next tick begins a doubt."""
        self._failed = True

    async def leases(self) -> None:
        """End leases and attempts that stand still, unless this coordinator has reason to doubt itself."""
        rules, database = self._context.rules, self._context.database
        ticked = monotonic()
        at = await database.read(lambda work: work.now)
        reason = self._pulse.feel(ticked, at, rules.lease_s) or ("database" if self._failed else None)
        self._failed = False
        if reason is not None:
            log.info("coordinator_doubts_itself", extra={"reason": reason})
            await database.write(lambda work: doubt.doubt(work, rules, reason))
        await database.write(lambda work: leases.take_away(work, rules, at))

    async def nodes(self) -> None:
        """Nodes that were silent for too long are offline."""
        rules = self._context.rules
        await self._context.database.write(lambda work: registry.miss(work, rules))

    async def strangers(self) -> None:
        """Forget registrations whose secret was never used."""
        await self._context.database.write(registry.forget_unused)

    async def sample(self) -> None:
        """Write down the minutes that are over. Counting may take a while and is in no writer's way."""
        minutes = await self._context.database.read(sampling.due)
        if minutes:
            await self._context.database.write(lambda work: sampling.keep(work, minutes))

    async def old_samples(self) -> None:
        """Forget minutes of long ago."""
        await self._context.database.write(sampling.forget)

    async def heads(self) -> None:
        """Give waiting steps the row of the queue that they lack: a safety net that should never find anything."""
        lost = await self._context.database.read(waits.without_row)
        if lost:
            log.warning("steps_without_a_row_of_the_queue", extra={"rows": len(lost)})
            await self._context.database.write(lambda work: _note(work, lost))

    async def settle(self) -> None:
        """Settle live tasks that are not where their steps say, a safety net that should never find anything; and give
        up steps that every node which is left has refused."""
        for task_id in await self._context.database.read(settling.unsettled):
            log.warning("task_was_unsettled", extra={"task_id": task_id})
            await self._context.database.write(partial(_settle, rules=self._context.rules, task_id=task_id))
        for step in await self._context.database.read(refusals.in_vain):
            await self._context.database.write(partial(_judge, rules=self._context.rules, step=step))

    async def flush(self) -> None:
        """Write the progress that callbacks brought."""
        book, rules, write = self._context.book, self._context.rules, self._context.database.write
        entries = book.pending()
        if entries:
            written = await write(lambda work: progress.write(work, rules, entries), patient=True)
            book.settle(entries, written)


def _note(work: Work, lost: Sequence[tuple[str, str, int, int]]) -> None:
    for row in lost:
        waits.note(work, *row)
    work.announce(QueueChanged())


def _settle(work: Work, *, rules: Rules, task_id: str) -> None:
    task = tasks.lock(work, task_id)
    if task is not None:
        settling.settle(work, rules, task)


def _judge(work: Work, *, rules: Rules, step: Steps) -> None:
    refusals.judge(work, rules, step.task_id, step.id)
