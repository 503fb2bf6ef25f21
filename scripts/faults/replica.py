"""One coordinator of a run: the product's own loops, services and routes for nodes, on a simulated machine."""

import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.types import Message

from coordinator.api import hot_callbacks, node_auth
from coordinator.api.routes import interfaces, node_work
from coordinator.errors import ClockSkew, CoordinatorError, StorageUnavailable
from coordinator.loops import schedule
from coordinator.loops.dispatch import Dispatcher
from coordinator.loops.janitor import Janitor
from coordinator.loops.joining import Joining
from coordinator.loops.schedule import Job, Loops
from coordinator.loops.ticks import Ticks
from coordinator.loops.verify import Verifier
from coordinator.loops.webhooks import Postman
from coordinator.services import node_files
from coordinator.services.context import Context
from coordinator.store import artifacts
from scripts.faults.coordinator_line import SKEWED
from scripts.faults.inline_store import InlineDatabase
from scripts.faults.parties import Party

if TYPE_CHECKING:
    from scripts.faults.world import World

UNUSED_JOBS: Final = frozenset({"sweep_files", "retire", "forget_strangers", "orphans"})
"""Files do not exist here, and no run lasts an hour."""
VERIFIERS: Final = 2


class Replica(Party):
    """A coordinator process. A restart finds nothing of its memory."""

    def __init__(self, name: str, world: "World") -> None:
        super().__init__(name, world.ledger.crashed)
        self._world = world
        self._starts = 0
        self._loops: Loops | None = None
        self.database = self._new_database()
        self.context = world.estate.context(world, self, self.database)

    def _new_database(self) -> InlineDatabase:
        chance = random.Random(f"{self.name} {self._world.seed} {self._starts}")
        return InlineDatabase(self._world.estate.store, self, self._world.machine, chance)

    def start(self) -> None:
        """A new process."""
        self._starts += 1
        self.up = True
        self.database = self._new_database()
        self.context = context = self._world.estate.context(self._world, self, self.database)
        loops = Loops(
            Dispatcher(context), Verifier(context), Ticks(context), Janitor(context), Joining(context), Postman(context)
        )
        self._loops = loops
        self.database.listen(context.feed.publish)
        self.database.when_failing(loops.ticks.database_failed)
        for ear in (loops.dispatcher.hear, loops.verifier.hear, loops.joining.hear):
            context.feed.listen(ear)
        for ear in (context.book.hear, context.node_keys.hear, context.watch.hear):
            context.feed.listen(ear)
        self.spawn(self._run(loops, context))

    def kill(self) -> None:
        """SIGKILL: also the calls that the loops were making."""
        loops, self._loops = self._loops, None
        super().kill()
        if loops is not None:
            self._world.after(loops.joining.close())
            self._world.after(loops.dispatcher.close())

    async def _run(self, loops: Loops, context: Context) -> None:
        for begin in (loops.ticks.leases, loops.verifier.look, loops.joining.look, loops.dispatcher.resend):
            while not await self._quietly(begin):
                await self.pause(schedule.RESTART_S)
        loops.dispatcher.wake()
        self.spawn(loops.dispatcher.run())
        for _ in range(VERIFIERS):
            self.spawn(loops.verifier.run())
        for job in schedule.jobs(context, loops):
            if job.name not in UNUSED_JOBS:
                self.spawn(self._every(job))

    async def _every(self, job: Job) -> None:
        while True:
            await self.pause(job.period)
            await self._quietly(job.do)

    async def _quietly(self, do: Callable[[], Awaitable[None]]) -> bool:
        try:
            await do()
        except StorageUnavailable:
            return False
        return True

    async def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        """One HTTP request of a node: status and body, of which a node reads what it must: the JSON, or the time."""
        request = _request(method, path, headers, body)
        try:
            return 200, await self._routed(request, path, body)
        except StorageUnavailable as error:
            return 503, error.code
        except ClockSkew as error:
            return error.status, f"{SKEWED}{error.params['server_time']}"
        except CoordinatorError as error:
            return error.status, error.code

    async def _routed(self, request: Request, path: str, body: bytes) -> str:
        here, (_, _, _, _, what, *rest) = self.context, path.split("/")
        if what == "callbacks":
            response = await hot_callbacks.answer(request, here, rest[0])
            text = bytes(response.body).decode()
            self._world.ledger.called_back(body, text)
            return text
        if what == "register":
            return bytes((await interfaces.register(request, here)).body).decode()
        if what == "artifacts":
            return await self._taken(rest[0], rest[1], int(body))
        signed = await node_auth.authenticate(request, here)
        if what == "next":
            return bytes((await node_work.next_work(signed, here)).body).decode()
        if what == "leave":
            await interfaces.leave(signed, here)
            return "{}"
        answered = bytes((await interfaces.heartbeat(signed, here)).body).decode()
        self._world.ledger.beaten(body, answered)
        return answered

    async def _taken(self, attempt_id: str, output: str, size: int) -> str:
        """All pieces of an artifact at once."""
        await self.database.write(lambda work: node_files.begin(work, attempt_id, output, size))
        self._world.ledger.uploaded(attempt_id)
        await self.pause(0.01)
        await self.database.write(lambda work: artifacts.finish(work, attempt_id, output))
        return "{}"


def _request(method: str, path: str, headers: dict[str, str], body: bytes) -> Request:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    return Request(scope, receive)
