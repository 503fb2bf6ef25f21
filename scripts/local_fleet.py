"""A coordinator and nodes of this machine as one thing: planned, started in order, kept running, stopped in reverse."""

import asyncio
import contextlib
import fcntl
import json
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar, cast
from urllib.parse import quote

import httpx

from interface_node.jobs import durable
from interface_node.jobs.identity import IdentityFile
from scripts import access
from scripts.access import Access
from scripts.client import PREFIX
from scripts.fleet_plan import LocalNode, Plan, coordinator_program, node_program
from scripts.refusal import Refusal
from scripts.supervise import DiedAtStart, Kept, Program

T = TypeVar("T")
Say = Callable[[str], None]
Ready = Callable[[Access], Awaitable[None]]
START_S: Final = 180.0
"""How long the coordinator may take to answer, and then the nodes to be online: first imports, a migration."""
LOOK_S: Final = 0.1


class LocalFleet:
    """Runs a plan until SIGTERM or SIGINT."""

    def __init__(self, planned: Plan, say: Say) -> None:
        self._plan = planned
        self._say = say
        self._kept: list[Kept] = []
        self._stop = asyncio.Event()

    async def run(self, prepare: Callable[[], None], ready: Ready) -> None:
        """Start everything, call `ready` when all are online, and keep it running until a signal. `prepare` runs in a
        thread while the coordinator starts; the nodes start when it has ended. Refusal when the start fails."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled)
        try:
            with _locked(self._plan.settings.home):
                await self._start(prepare, ready)
        except DiedAtStart as error:
            raise Refusal(str(error)) from error
        finally:
            await self._end()

    def stop(self) -> None:
        """End everything in good order, as SIGTERM does."""
        self._stop.set()

    def _signalled(self) -> None:
        """The second signal is from somebody who does not want to wait."""
        if self._stop.is_set():
            for kept in self._kept:
                kept.kill()
        else:
            self._say("stopping: nodes finish or hand back what they hold ...")
        self._stop.set()

    async def _start(self, prepare: Callable[[], None], ready: Ready) -> None:
        planned = self._plan
        self._keep(coordinator_program(planned, {node.name: _identity(node) for node in planned.nodes}))
        if not await self._unless_stopped(in_thread(prepare)):
            return
        for node in planned.nodes:  # they call until the coordinator answers, which expects them by then
            self._keep(node_program(planned, node))
        if not await self._unless_stopped(self._answers()):
            return
        way = access.read(planned.settings.home / "cli.json")
        if way is None:
            raise Refusal(f"The coordinator left no {planned.settings.home / 'cli.json'}.")
        if not await self._unless_stopped(self._online(way)):
            return
        for one in self._kept:
            one.settled = True
        if await self._unless_stopped(ready(way)):
            await self._stop.wait()

    def _keep(self, program: Program) -> None:
        self._kept.append(Kept(program, self._say))

    async def _unless_stopped(self, wanted: Awaitable[None]) -> bool:
        """Wait for something; False when a signal came first. DiedAtStart: a program ended meanwhile."""
        work = asyncio.ensure_future(wanted)
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait({work, stopped, *(one.task for one in self._kept)}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        for one in self._kept:
            if one.task.done():
                work.cancel()
                one.task.result()
        if not work.done():
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
            return False
        work.result()
        return not self._stop.is_set()

    async def _answers(self) -> None:
        """Until the coordinator says that it is well."""
        await self._until(Access(self._plan.url, "", ""), "/health", lambda _: True, "The coordinator does not answer")

    async def _online(self, way: Access) -> None:
        """Until every node of ours is there and approved."""
        for node in self._plan.nodes:
            path = f"/admin/interfaces?limit=500&q={quote(node.name)}"
            await self._until(way, path, partial(_is_there, node.name), f"{node.name} did not come online")

    async def _until(self, way: Access, path: str, enough: Callable[[dict[str, Any]], bool], sentence: str) -> None:
        end, seen = time.monotonic() + START_S, "no answer"
        headers = {"Authorization": f"Bearer {way.token}"} if way.token else {}
        async with httpx.AsyncClient(base_url=way.url + PREFIX, headers=headers, trust_env=False, timeout=5) as client:
            while time.monotonic() < end:
                try:
                    answer = await client.get(path)
                    if answer.is_success and enough(answer.json()):
                        return
                    seen = f"its last answer was {answer.status_code}"
                except httpx.TransportError as error:
                    seen = str(error) or type(error).__name__
                await asyncio.sleep(LOOK_S)
        raise Refusal(f"{sentence} within {START_S:g} s ({seen}); look into {self._plan.settings.home / 'logs'}.")

    async def _end(self) -> None:
        """Nodes first, so that they can hand back what they hold."""
        self._stop.set()
        await asyncio.gather(*(one.stop() for one in self._kept[1:]))
        await asyncio.gather(*(one.stop() for one in self._kept[:1]))


def in_thread(work: Callable[[], T]) -> "asyncio.Future[T]":
    """Run `work` in a thread that nobody waits for at the end of the program, unlike those of asyncio."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(cast("T", result))

    def body() -> None:
        try:
            result, error = work(), None
        except BaseException as caught:  # noqa: BLE001 - it is raised again where the future is awaited
            result, error = None, caught
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody asks any more
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=body, daemon=True).start()
    return future


def _is_there(name: str, found: dict[str, Any]) -> bool:
    """Whether a list of interfaces has a node of that name which may work."""
    return any(one["name"] == name and one["state"] not in {"offline", "pending", "revoked"} for one in found["items"])


@contextlib.contextmanager
def _locked(home: Path) -> Iterator[None]:
    home.mkdir(parents=True, exist_ok=True)
    with (home / "up.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refusal(f"`segfleet up` runs already in {home}; give this one another SEGFLEET_HOME.") from None
        yield


def _identity(node: LocalNode) -> str:
    """The node's id, made now if need be. Its home belongs to this fleet's home, so a coordinator that moved to another
    port is still the one that it has joined."""
    path, url = node.settings.node_home / "identity.json", node.settings.coordinator_url
    try:
        kept = json.loads(path.read_bytes()) if path.exists() else {}
        if kept.get("coordinator_url", url) not in {"", url}:
            durable.write(path, json.dumps({**kept, "coordinator_url": url}, indent=1).encode())
        file = IdentityFile(path, url)
        file.load()
    except ValueError as error:
        raise Refusal(f"{path} is damaged; remove it, and this node joins as a new one.") from error
    return str(file.node_id)
