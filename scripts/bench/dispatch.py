"""How long from `POST tasks` until an idle node has the offer, and what a job costs the coordinator.

    python -m scripts.bench.dispatch [--jobs 500] [--rate 20] [--runs 3]

A real coordinator (a process of its own, SQLite), a node that does no work, and beside it, in the same run, the same
two hops without the store (`scripts.bench.relay`). Every job makes ten callbacks; in one half of the runs it ends with
a failure and no artifact, in the other with an artifact that the probe verifies. CPU is the coordinator's with its
probe processes, by the operating system's account, background work included.
"""

import argparse
import asyncio
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil
import uvicorn

from scripts.bench.clip import tiny_clip
from scripts.bench.stub_node import StubNode, percentile, table
from scripts.ports import listener

PASSWORD = secrets.token_urlsafe(24)


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with listener("127.0.0.1", 0) as found:
        return int(found.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Run:
    """Latencies in ms, CPU in ms a job."""

    latencies: list[float]
    cpu_ms: float


def _cpu_s(process: psutil.Process) -> float:
    """Of a process and its children, also those that have ended."""
    total = 0.0
    for one in (process, *process.children(recursive=True)):
        times = one.cpu_times()
        total += times.user + times.system
    own = process.cpu_times()
    return total + own.children_user + own.children_system


def start_coordinator(home: Path, port: int, **keys: str) -> subprocess.Popen[bytes]:
    """A coordinator on SQLite, as a process; more settings by keyword."""
    settings = {
        "SEGFLEET_HOME": str(home),
        "API_PORT": str(port),
        "ADMIN_PASSWORD": PASSWORD,
        "MAX_ATTEMPTS": "1",
        "RATE_LIMIT": "1000000/minute",
        "LOG_FILE": str(home / "coordinator.log"),
        "INTERFACE_IDENTIFICATION": "wingerboy",
        **keys,
    }
    return subprocess.Popen([sys.executable, "-m", "coordinator"], env={**os.environ, **settings})


def _start_relay(port: int, node_url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "scripts.bench.relay", str(port), node_url])


async def answers(url: str) -> None:
    """Wait until somebody answers there."""
    async with aiohttp.ClientSession() as session:
        for _ in range(600):
            try:
                async with session.get(url):
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)
    raise RuntimeError(f"{url} does not answer")


async def _paced(jobs: int, rate: float, one: Callable[[], Awaitable[None]]) -> None:
    began = time.perf_counter()
    calls = []
    for index in range(jobs):
        await asyncio.sleep(max(0.0, began + index / rate - time.perf_counter()))
        calls.append(asyncio.ensure_future(one()))
    await asyncio.gather(*calls)


async def _coordinator_run(
    url: str, node: StubNode, process: psutil.Process, video: str, jobs: int, rate: float
) -> Run:
    sent: dict[str, float] = {}
    async with aiohttp.ClientSession(headers=await login(url)) as session:

        async def one() -> None:
            began = time.perf_counter()
            body = {"video_id": video, "background": {"kind": "color", "color": "#00ff00"}}
            async with session.post(f"{url}/api/v1/tasks", json=body) as answer:
                made = await answer.json()
                if answer.status != 201:
                    raise RuntimeError(f"POST tasks: {made}")
                sent[made["id"]] = began

        before = _cpu_s(process)
        await _paced(jobs, rate, one)
        await _until_ended(session, url)
        cpu_ms = 1000 * (_cpu_s(process) - before) / jobs
    latencies = [1000 * (node.arrived[key] - began) for key, began in sent.items()]
    return Run(latencies, cpu_ms)


async def _until_ended(session: aiohttp.ClientSession, url: str) -> None:
    while True:
        async with session.get(f"{url}/api/v1/stats") as answer:
            counts = (await answer.json())["tasks"]
        if not counts.get("waiting") and not counts.get("processing"):
            return
        await asyncio.sleep(0.2)


async def _relay_run(url: str, node: StubNode, process: psutil.Process, jobs: int, rate: float) -> Run:
    node.relayed.clear()
    sent: list[float] = []
    async with aiohttp.ClientSession() as session:

        async def one() -> None:
            sent.append(time.perf_counter())
            async with session.post(f"{url}/tasks", json={"video_id": "x" * 26, "background": {"kind": "color"}}) as a:
                await a.read()

        before = _cpu_s(process)
        await _paced(jobs, rate, one)
        await asyncio.gather(*node.jobs)
        cpu_ms = 1000 * (_cpu_s(process) - before) / jobs
    return Run([1000 * (arrived - began) for began, arrived in zip(sent, node.relayed, strict=False)], cpu_ms)


async def login(url: str) -> dict[str, str]:
    """Headers of the administrator."""
    async with aiohttp.ClientSession() as session:
        body = {"username": "admin", "password": PASSWORD}
        async with session.post(f"{url}/api/v1/auth/login", json=body) as answer:
            return {"Authorization": f"Bearer {(await answer.json())['access_token']}"}


async def upload(url: str, clip: bytes) -> str:
    """The id of an uploaded video."""
    form = aiohttp.FormData()
    form.add_field("file", clip, filename="clip.mp4", content_type="video/mp4")
    headers = await login(url)
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{url}/api/v1/videos", data=form) as answer,
    ):
        return str((await answer.json())["id"])


async def measure(jobs: int, rate: float, runs: int) -> None:
    """Run everything and print the table."""
    port, node_port, relay_port = free_port(), free_port(), free_port()
    url, node_url, relay = (f"http://127.0.0.1:{number}" for number in (port, node_port, relay_port))
    clip = tiny_clip()
    with tempfile.TemporaryDirectory() as home:
        coordinator = start_coordinator(Path(home), port)
        floor = _start_relay(relay_port, node_url)
        node = StubNode(url, node_url, "wingerboy", slots=64, relay=relay)
        server = uvicorn.Server(uvicorn.Config(node.app(), port=node_port, log_level="warning"))
        serving = asyncio.create_task(server.serve())
        try:
            await answers(f"{url}/api/v1/health")
            await answers(f"{relay}/tasks")
            await node.join()
            video = await upload(url, clip)
            await _compare(url, relay, node, (coordinator.pid, floor.pid), video, clip, (jobs, rate, runs))
        finally:
            await node.close()
            server.should_exit = True
            await serving
            for process in (coordinator, floor):
                process.terminate()
                process.wait(30)


async def _compare(
    url: str,
    relay: str,
    node: StubNode,
    pids: tuple[int, int],
    video: str,
    clip: bytes,
    amount: tuple[int, float, int],
) -> None:
    jobs, rate, runs = amount
    process, floor = map(psutil.Process, pids)
    await _coordinator_run(url, node, process, video, 20, rate)
    plain, verified, floors = [], [], []
    for _ in range(runs):
        node.artifact = None
        plain.append(await _coordinator_run(url, node, process, video, jobs, rate))
        floors.append(await _relay_run(relay, node, floor, jobs, rate))
        node.artifact = clip
        verified.append(await _coordinator_run(url, node, process, video, jobs, rate))
    rows: list[tuple[str, ...]] = [("create -> node has the offer", "p50 ms", "p99 ms", "CPU ms/job")]
    named = {"no artifact": plain, "verified artifact": verified, "the same hops without the store": floors}
    for name, measured in named.items():
        best = min(measured, key=_median)
        cheapest = min(run.cpu_ms for run in measured)
        rows.append((name, f"{_median(best):.1f}", f"{percentile(best.latencies, 0.99):.1f}", f"{cheapest:.1f}"))
    table(rows)
    cpu, least = (min(run.cpu_ms for run in measured) for measured in (plain, floors))
    more = min(run.cpu_ms for run in verified) - cpu
    slower = min(map(_median, plain)) / min(map(_median, floors))
    print(f"p50 is {slower:.1f} times the floor, CPU {cpu / least:.1f} times; an artifact costs {more:.1f} ms more CPU")


def _median(run: Run) -> float:
    return percentile(run.latencies, 0.5)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--rate", type=float, default=20.0)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    asyncio.run(measure(given.jobs, given.rate, given.runs))


if __name__ == "__main__":
    main()
