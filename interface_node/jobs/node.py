"""The whole node: its parts, its beginning and its end."""

import asyncio
import contextlib
import importlib.metadata
import shutil
import time
import uuid
from typing import Final

import structlog
from pydantic import AnyHttpUrl

from interface_node.coordinator_client.answers import CoordinatorError
from interface_node.coordinator_client.client import CoordinatorClient
from interface_node.jobs import loops
from interface_node.jobs.bell import Bell
from interface_node.jobs.cache import SourceCache
from interface_node.jobs.desk import Desk
from interface_node.jobs.ending import Ending
from interface_node.jobs.gathering import Gathering
from interface_node.jobs.heartbeat import HeartbeatLoop
from interface_node.jobs.identity import IdentityFile
from interface_node.jobs.membership import Membership
from interface_node.jobs.meters import Meters
from interface_node.jobs.outbox import Outbox
from interface_node.jobs.pace import Pace
from interface_node.jobs.parts import PartStore
from interface_node.jobs.poll import PollLoop
from interface_node.jobs.reporter import Reporter
from interface_node.jobs.room import Room
from interface_node.jobs.runner import Runner
from interface_node.jobs.sources import Sources
from interface_node.jobs.telemetry import Cards, disk_free_mb
from interface_node.jobs.work import Work
from interface_node.settings import NodeSettings
from protocol.interfaces import Heartbeat, HeldAttempt, Leave, Next, Register
from protocol.version import PROTOCOL_VERSION

_log = structlog.get_logger(__name__)
MOST_HELD: Final = 256
LEAVE_S: Final = 2.0


class Node:
    """One node of one coordinator. `start`, then `stop`; `ending` tells when and why it wants to end by itself."""

    def __init__(self, settings: NodeSettings, work: Work, pace: Pace) -> None:
        home = settings.node_home
        self.settings = settings
        self.work = work
        self.boot_id = uuid.uuid4().hex
        self.meters = Meters()
        self.ending = Ending()
        self.identity = IdentityFile(home / "identity.json", settings.coordinator_url)
        self.client = CoordinatorClient(settings.coordinator_url, settings.interface_identification, self.identity.keep)
        bell = Bell()
        self.membership = Membership(self.client, self.ending, bell)
        self.desk = Desk(settings.node_slots, work, self.client.resolve, bell)
        room = Room(home)
        self._cache = SourceCache(home / "cache", room)
        self._parts = PartStore(home / "parts", room)
        self.outbox = Outbox(home / "outbox", self.membership, self.meters, self._parts.drop)
        self._cards = Cards()
        self._pace = pace
        self._runner = self._new_runner()
        self._heartbeats = HeartbeatLoop(
            membership=self.membership, desk=self.desk, outbox=self.outbox, compose=self._beat, bell=bell, pace=pace
        )
        self._polls = PollLoop(
            membership=self.membership,
            desk=self.desk,
            outbox=self.outbox,
            compose=self._poll,
            boot_id=self.boot_id,
            bell=bell,
        )
        self._changed = bell.listen()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopped = False

    def _new_runner(self) -> Runner:
        settings, pace = self.settings, self._pace
        limits = (settings.task_timeout / 1000, settings.model_load_timeout)
        return Runner(
            client=self.client,
            work=self.work,
            desk=self.desk,
            outbox=self.outbox,
            sources=Sources(self.client, self._cache, self.meters),
            gathering=Gathering(self.client, self._parts, self.meters),
            reports=Reporter(self.membership, self.boot_id, self.meters, pace.report_s, limits),
            ending=self.ending,
            meters=self.meters,
            directory=settings.node_home / "work",
            boot_id=self.boot_id,
            stuck_s=pace.stuck_s,
        )

    async def start(self) -> None:
        """Read what the last run left, then join and work in the background. ValueError: the identity is damaged."""
        home = self.settings.node_home
        await asyncio.to_thread(home.mkdir, parents=True, exist_ok=True, mode=0o700)
        self.client.credentials = self.identity.load()
        for attempt_id in self.outbox.load():
            self.desk.know(attempt_id)
        await asyncio.to_thread(shutil.rmtree, home / "work", ignore_errors=True)
        self._cache.open()
        self._parts.open()
        self._cards.open()
        self.membership.describe_by(self._description)
        self.desk.start_by(self._runner.start)
        self.outbox.start()
        self._tasks = [
            asyncio.create_task(loops.forever("join", self._join), name="join"),
            asyncio.create_task(loops.forever("heartbeat", self._heartbeats.tick), name="heartbeat"),
            asyncio.create_task(loops.forever("poll", self._polls.tick), name="poll"),
            asyncio.create_task(loops.forever("drain", self._obey_drain), name="drain"),
            asyncio.create_task(self._close_when_ending(), name="ending"),
        ]

    async def stop(self) -> None:
        """Finish what fits, hand back the rest, deliver what waits, leave. A second call does nothing."""
        if self._stopped:
            return
        self._stopped = True
        self.ending.end(0, "asked to stop.")
        await self._drain(0.0 if self.ending.code else self.settings.node_drain_seconds)
        if self.membership.joined.is_set() and not await self.outbox.flush(self._pace.flush_s):
            _log.warning("outbox_not_empty", letters=len(self.outbox.held()))
        await loops.end(self._tasks)  # before leaving: a heartbeat that arrives later would bring this node back
        if self.membership.joined.is_set():
            await self._leave()
        await self._runner.stop()
        await self.outbox.stop()
        await self.client.close()
        self._cards.close()

    def hand_back(self) -> None:
        """Release all that runs, now."""
        for attempt_id in list(self.desk.attempts):
            self.desk.cancel(attempt_id, "release")

    @property
    def healthy(self) -> bool:
        """Whether no thread hangs."""
        return not self.ending.unhealthy

    def held(self) -> tuple[HeldAttempt, ...]:
        """All that this node holds, also what waits in its outbox."""
        live = self.desk.held()
        ids = {one.attempt_id for one in live}
        return (*live, *(one for one in self.outbox.held() if one.attempt_id not in ids))[:MOST_HELD]

    async def _join(self) -> None:
        await self.membership.join()
        await asyncio.Event().wait()

    async def _close_when_ending(self) -> None:
        await self.ending.begun.wait()
        self.desk.close()
        self._heartbeats.now()

    async def _drain(self, seconds: float) -> None:
        """Wait for what runs, at most `seconds`; then hand it back."""
        self.desk.close()
        self._heartbeats.now()
        running = [asyncio.create_task(attempt.finished.wait()) for attempt in self.desk.attempts.values()]
        if not running:
            return
        _log.info("draining", attempts=len(running), seconds=seconds)
        await asyncio.wait(running, timeout=seconds)
        self.hand_back()
        await asyncio.wait(running, timeout=self._pace.flush_s)
        for task in running:
            task.cancel()

    async def _obey_drain(self) -> None:
        """Hand back what still runs when the coordinator's own deadline has passed."""
        self._changed.clear()
        until = self.membership.drain_at
        if until is None:
            await self._changed.wait()
            return
        left = until - time.monotonic()
        if left > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), left)
            return
        self.hand_back()
        await self._changed.wait()

    async def _leave(self) -> None:
        known = self.client.credentials
        if known is None:
            return
        try:
            async with asyncio.timeout(LEAVE_S):
                await self.client.leave(Leave(interface_id=known.interface_id, boot_id=self.boot_id))
        except (CoordinatorError, TimeoutError) as error:
            _log.warning("leave_not_told", why=str(error))

    def _description(self) -> Register:
        settings = self.settings
        return Register(
            node_id=self.identity.node_id,
            boot_id=self.boot_id,
            name=settings.node_name,
            address=AnyHttpUrl(settings.node_address) if settings.node_address else None,
            software_version=importlib.metadata.version("segfleet"),
            protocol_version=PROTOCOL_VERSION,
            slots=settings.node_slots,
            models=self.work.models(),
            gpus=self._cards.names(),
            attempts=self.held(),
        )

    async def _beat(self, seq: int) -> Heartbeat:
        """The drivers, the disk and the manifests are asked in a thread; the attempts belong to this loop."""
        known = self.client.credentials
        if known is None:
            raise RuntimeError("a node that never joined has nothing to say")
        gpus = await asyncio.to_thread(self._cards.loads)
        models = await asyncio.to_thread(self.work.models)
        free = await asyncio.to_thread(disk_free_mb, self.settings.node_home)
        return Heartbeat(
            interface_id=known.interface_id,
            boot_id=self.boot_id,
            seq=seq,
            health="healthy" if self.healthy else "unhealthy",
            draining=self.desk.closed,
            attempts=self.held(),
            gpus=gpus,
            disk_free_mb=free,
            models=models,
        )

    def _poll(self, seq: int) -> Next:
        known = self.client.credentials
        if known is None:
            raise RuntimeError("a node that never joined cannot ask for work")
        return Next(
            interface_id=known.interface_id,
            boot_id=self.boot_id,
            seq=seq,
            free_slots=self.desk.free,
            light_slots=self.desk.free_light,
            wait_s=self._pace.poll_s,
            attempts=self.held(),
        )
