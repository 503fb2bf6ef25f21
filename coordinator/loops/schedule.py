"""Every loop and periodic job on one page, and how they start and stop.

APScheduler 3 cannot await running coroutines at shutdown, so its jobs are short; dispatch and verification are tasks
of our own. What if one dies? Each says so in its own file; `_watch` logs it and starts it again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from coordinator.errors import StorageUnavailable
from coordinator.gateway.feed import Ear
from coordinator.loops.dispatch import Dispatcher
from coordinator.loops.janitor import Janitor
from coordinator.loops.joining import Joining
from coordinator.loops.replicas import Replicas
from coordinator.loops.ticks import Ticks
from coordinator.loops.verify import Verifier
from coordinator.loops.webhooks import Postman
from coordinator.services.context import Context
from coordinator.services.progress import FLUSH_S
from coordinator.store.notices import Notices, can_notify

log = logging.getLogger(__name__)
RESTART_S = 1.0


class Job(NamedTuple):
    """Something done every `period` seconds."""

    name: str
    period: float
    do: Callable[[], Awaitable[None]]


class Loops(NamedTuple):
    """The moving parts; all of them listen to the feed or tick."""

    dispatcher: Dispatcher
    verifier: Verifier
    ticks: Ticks
    janitor: Janitor
    joining: Joining
    postman: Postman


def jobs(context: Context, loops: Loops) -> list[Job]:
    """All periodic jobs."""

    async def wake() -> None:
        loops.dispatcher.wake(race=True)

    return [
        Job("flush_progress", FLUSH_S, loops.ticks.flush),
        Job("leases", min(1.0, context.rules.lease_s / 5), loops.ticks.leases),
        Job("wake_dispatcher", 1.0, wake),
        Job("sweep_files", 1.0, loops.janitor.sweep),
        Job("silent_nodes", min(5.0, context.rules.heartbeat_s / 4), loops.ticks.nodes),
        Job("prove_addresses", 60.0, loops.joining.look),
        Job("verify_forgotten", 10.0, loops.verifier.look),
        Job("settle_again", 30.0, loops.ticks.settle),
        Job("samples", 20.0, loops.ticks.sample),
        Job("queue_heads", 600.0, loops.ticks.heads),
        Job("retire", 600.0, loops.janitor.retire),
        Job("old_samples", 3600.0, loops.ticks.old_samples),
        Job("forget_strangers", 3600.0, loops.ticks.strangers),
        Job("orphans", 3600.0, loops.janitor.orphans),
    ]


@asynccontextmanager
async def running(context: Context) -> AsyncIterator[Loops]:
    """Start everything; stop it in reverse."""
    loops = Loops(
        Dispatcher(context), Verifier(context), Ticks(context), Janitor(context), Joining(context), Postman(context)
    )
    context.database.when_failing(loops.ticks.database_failed)
    ears = [context.feed.listen(ear) for ear in _ears(loops)]
    ears += [context.feed.listen(context.book.hear), context.feed.listen(context.node_keys.hear)]
    ears.append(context.feed.listen(context.watch.hear))
    scheduler = AsyncIOScheduler(timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1})
    for job in jobs(context, loops):
        scheduler.add_job(_quietly(job), "interval", seconds=job.period, id=job.name, misfire_grace_time=None)
    workers = [asyncio.create_task(_watch("dispatch", loops.dispatcher.run))]
    await loops.postman.resume()
    workers.append(asyncio.create_task(_watch("webhooks", loops.postman.run)))
    workers += [asyncio.create_task(_watch("verify", loops.verifier.run)) for _ in range(context.settings.max_workers)]
    if can_notify(context.database.url):
        replicas = Replicas(Notices(context.database.url), context.feed)
        ears.append(context.feed.listen(replicas.hear))
        workers.append(asyncio.create_task(_watch("speak_to_replicas", replicas.speak)))
        workers.append(asyncio.create_task(_watch("listen_to_replicas", replicas.listen)))
    await loops.ticks.leases()
    await loops.verifier.look()
    await loops.joining.look()
    await loops.dispatcher.resend()
    loops.dispatcher.wake()
    scheduler.start()
    try:
        yield loops
    finally:
        scheduler.shutdown(wait=False)
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await loops.postman.close()
        await loops.joining.close()
        await loops.dispatcher.close()
        await loops.ticks.flush()
        for stop in ears:
            stop()


def _ears(loops: Loops) -> list[Ear]:
    return [loops.dispatcher.hear, loops.verifier.hear, loops.janitor.hear, loops.joining.hear, loops.postman.hear]


def _quietly(job: Job) -> Callable[[], Coroutine[Any, Any, None]]:
    async def tick() -> None:
        try:
            await job.do()
        except asyncio.CancelledError:
            return  # the scheduler stops, and would log this as an error
        except StorageUnavailable:
            log.warning("tick_without_database", extra={"job": job.name})
        except Exception:
            log.exception("tick_failed", extra={"job": job.name})

    return tick


async def _watch(name: str, run: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await run()
        except Exception:
            log.exception("loop_died", extra={"loop": name})
        await asyncio.sleep(RESTART_S)
