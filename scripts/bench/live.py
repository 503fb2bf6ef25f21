"""How long an event takes from its commit to the sockets that may know it, and what sockets cost.

    python -m scripts.bench.live [--seconds 15] [--idle 2000] [--hold 30] [--url DATABASE_URL]

A real coordinator as a process of its own, accounts of which each has ten sockets, and 20 moves of tasks a second over
HTTP. A delay is from the event's own time (`at`: the database's, in its transaction just before the COMMIT) until its
message was read and parsed here, on the same machine and clock. Then the same again beside ten readers who ask for all
that ever happened and take nothing. Last, `--idle` sockets on which nothing is said but pings are opened and held; the
coordinator's memory is read before, then, and after they were held. Exit code 1 when a bar is missed.
"""

import argparse
import asyncio
import json
import resource
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import aiohttp
import psutil
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from coordinator.clock import system_clock
from coordinator.gateway.tokens import Tokens
from coordinator.ids import new_id
from coordinator.store import events, users
from coordinator.store.database import Database
from coordinator.store.migrate import upgrade
from coordinator.store.work import Work
from scripts.bench.dispatch import answers, free_port, start_coordinator
from scripts.bench.stub_node import percentile, table

EARS: Final = 10
READERS: Final = 200
RATE: Final = 20.0
OF_ACCOUNT: Final = 20
STUCK: Final = 10
ADMIN: Final = -1
PAST: Final = 700
PAST_BYTES: Final = 16_000
"""More than the system keeps for a socket that nobody reads."""
P50_MS: Final = 100.0
P99_MS: Final = 400.0
GROWTH: Final = 1.05
SETTLE_S: Final = 2.0
SLOW_READER: Final = 4430
CUT_OFF: Final = 1006


@dataclass
class Fleet:
    """A running coordinator, and tokens of accounts that were written into its database."""

    port: int
    process: psutil.Process
    tokens: list[str]
    headers: list[dict[str, str]] = field(init=False)

    def __post_init__(self) -> None:
        self.headers = [{"Authorization": f"Bearer {token}"} for token in self.tokens]

    @asynccontextmanager
    async def socket(self, account: int, **said: Any) -> AsyncIterator[ClientConnection]:
        """A socket of an account that said who it is, and more."""
        address = f"ws://127.0.0.1:{self.port}/api/v1/ws"
        async with connect(address, proxy=None, compression=None, max_queue=1, ping_interval=None) as opened:
            await opened.send(json.dumps({"type": "auth", "token": self.tokens[account], **said}))
            yield opened

    def rss_mib(self) -> float:
        """Memory of the coordinator, without its probe processes."""
        return float(self.process.memory_info().rss) / 2**20


@asynccontextmanager
async def fleet(home: Path, accounts: int, url: str | None) -> AsyncIterator[Fleet]:
    """Start it and stop it."""
    secret, port = secrets.token_urlsafe(32), free_port()
    address = url or f"sqlite:///{home / 'segfleet.db'}"
    database = Database(address, system_clock)
    upgrade(database.engine)
    ids = [new_id() for _ in range(accounts + 1)]

    def add(work: Work) -> None:
        for key in ids:
            known = {"id": key, "username": key, "password_hash": "", "created_at": 0.0}
            users.add(work, **known, role="admin" if key == ids[ADMIN] else "user", version=1, disabled=False)
        for _ in range(PAST):
            events.record(work, "past", "long-gone", ids[ADMIN], words="x" * PAST_BYTES)

    database.run(add)
    database.engine.dispose()
    tokens = Tokens(secret, 86_400)
    program = start_coordinator(home, port, JWT_SECRET=secret, DATABASE_URL=address)
    try:
        await answers(f"http://127.0.0.1:{port}/api/v1/health")
        yield Fleet(port, psutil.Process(program.pid), [tokens.issue(key, 1, time.time()) for key in ids])
    finally:
        program.terminate()
        program.wait()


async def listen(socket: ClientConnection, delays: list[float]) -> None:
    """Read to the end; delays in ms of what happened."""
    with suppress(ConnectionClosed):
        async for text in socket:
            message, now = json.loads(text), time.time()
            if message["type"] == "ping":
                await socket.send('{"type": "pong"}')
            elif message["type"] == "task" and message["seq"] is not None:
                delays.append(1000 * (now - datetime.fromisoformat(message["at"]).timestamp()))


async def moves(fleet: Fleet, accounts: int, seconds: float) -> int:
    """Tasks move, `RATE` a second, one account after the other; how many did."""
    base = f"http://127.0.0.1:{fleet.port}/api/v1/tasks"
    async with aiohttp.ClientSession() as session:

        async def move(number: int) -> None:
            account = number % accounts
            async with session.post(base, json={}, headers=fleet.headers[account]) as answer:
                if answer.status != 201:
                    raise RuntimeError(f"POST tasks: {answer.status} {await answer.text()}")

        began, calls = time.perf_counter(), list[asyncio.Task[None]]()
        while (number := len(calls)) < seconds * RATE:
            await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
            calls.append(asyncio.create_task(move(number)))
        await asyncio.gather(*calls)
    return len(calls)


async def measured(fleet: Fleet, seconds: float) -> tuple[list[float], int]:
    """Delays at all sockets, and how many there should be."""
    delays: list[float] = []
    accounts = READERS // EARS
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(fleet.socket(place % accounts)) for place in range(READERS)]
        for socket in opened:
            await socket.recv()
        ears = [asyncio.create_task(listen(socket, delays)) for socket in opened]
        wanted = EARS * await moves(fleet, accounts, seconds)
        await _until(lambda: len(delays) >= wanted)
        for ear in ears:
            ear.cancel()
    return delays, wanted


async def _until(look: Callable[[], bool]) -> None:
    """Look for 20 s at most."""
    for _ in range(400):
        if look():
            return
        await asyncio.sleep(0.05)


@asynccontextmanager
async def stuck(fleet: Fleet) -> AsyncIterator[list[ClientConnection]]:
    """Readers that ask for everything and take nothing."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(fleet.socket(ADMIN, since=0)) for _ in range(STUCK)]


async def dropped(sockets: Sequence[ClientConnection]) -> int:
    """How many of these were closed as slow readers, or cut off when they did not take even that."""
    count = 0
    for socket in sockets:
        with suppress(TimeoutError, ConnectionClosed):
            async with asyncio.timeout(5):
                while True:
                    await socket.recv()
        count += socket.close_code in (SLOW_READER, CUT_OFF)
    return count


async def held(fleet: Fleet, count: int, hold_s: float) -> tuple[float, float, float, int]:
    """Memory before, with the sockets, and after they were held; and how many were still open then."""
    before, delays = fleet.rss_mib(), list[float]()
    async with AsyncExitStack() as stack:
        ears = []
        for place in range(count):
            socket = await stack.enter_async_context(fleet.socket(place // OF_ACCOUNT))
            await socket.recv()
            ears.append(asyncio.create_task(listen(socket, delays)))
        await asyncio.sleep(SETTLE_S)
        opened = fleet.rss_mib()
        await asyncio.sleep(hold_s)
        after, alive = fleet.rss_mib(), sum(not ear.done() for ear in ears)
        for ear in ears:
            ear.cancel()
    return before, opened, after, alive


async def run(asked: argparse.Namespace, home: Path) -> bool:
    """Whether every bar was held."""
    accounts = max(READERS // EARS, -(-asked.idle // OF_ACCOUNT))
    async with fleet(home, accounts, asked.url) as running:
        rows: list[tuple[str, ...]] = [("sockets", "events/s", "told", "of", "p50 ms", "p99 ms", "most ms")]
        alone, wanted = await measured(running, asked.seconds)
        rows.append(_row(f"{READERS}", alone, wanted))
        async with stuck(running) as beside:
            others, wanted = await measured(running, asked.seconds)
            gone = await dropped(beside)
        rows.append(_row(f"{READERS}, {STUCK} beside that take nothing", others, wanted))
        table(rows)
        print(f"of the {STUCK} that take nothing, {gone} were dropped as slow readers")
        before, opened, after, alive = await held(running, asked.idle, asked.hold)
    print(
        f"{asked.idle} idle sockets: {before:.0f} MiB before, {opened:.0f} MiB when all were open "
        f"({1024 * (opened - before) / max(1, asked.idle):.0f} KiB each), {after:.0f} MiB after {asked.hold:.0f} s; "
        f"{alive} still open"
    )
    told = [percentile(delays, 0.5) <= P50_MS and percentile(delays, 0.99) <= P99_MS for delays in (alone, others)]
    good = all(told) and len(alone) == len(others) == wanted and alive == asked.idle and after <= GROWTH * opened
    print("held" if good else "MISSED")
    return good


def _row(name: str, delays: list[float], wanted: int) -> tuple[str, ...]:
    shown = [f"{value:.0f}" for value in (percentile(delays, 0.5), percentile(delays, 0.99), max(delays))]
    return (name, f"{RATE:.0f}", str(len(delays)), str(wanted), *shown)


def main() -> int:
    """0 when every bar was held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15.0, help="how long tasks move")
    parser.add_argument("--idle", type=int, default=2000, help="sockets on which nothing happens")
    parser.add_argument("--hold", type=float, default=30.0, help="seconds that these are held")
    parser.add_argument("--url", help="an empty database of a server instead of SQLite")
    asked = parser.parse_args()
    needed = asked.idle + READERS + 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise SystemExit(f"the system allows {hard} open files; {needed} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))  # the coordinator inherits it
    with tempfile.TemporaryDirectory(prefix="bench-live-") as name:
        return 0 if asyncio.run(run(asked, Path(name))) else 1


if __name__ == "__main__":
    sys.exit(main())
