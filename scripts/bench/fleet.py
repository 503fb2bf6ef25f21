"""How much faster are more nodes? A simulated engine, so that the cores of one machine do not lie.

    python -m scripts.bench.fleet [--nodes 1 2 4 8] [--segments 64] [--frame-s 0.25]

A real coordinator (a process of its own, SQLite, a fresh one each time), nodes that sleep so many seconds a frame, one
video of equal segments, and a real `assemble` with its downloads inside the clock: from `POST tasks` until the task is
`completed`. Beside it the ideal: the engine alone, nothing between two segments and nothing after the last.
"""

import argparse
import asyncio
import math
import tempfile
import time
from pathlib import Path

import aiohttp
import uvicorn

from scripts.bench.clip import FRAMES, looped, tiny_clip
from scripts.bench.dispatch import answers, free_port, login, start_coordinator, upload
from scripts.bench.simulated_node import SimulatedNode
from scripts.bench.stub_node import table

JOIN_S = 20.0
END_S = 900.0


async def timed(nodes: int, segments: int, frame_s: float) -> tuple[float, list[SimulatedNode]]:
    """Seconds from the submission to the completed task, and the nodes that did it."""
    part = tiny_clip(FRAMES)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as home:
        coordinator = start_coordinator(Path(home), port, SEGMENT_SECONDS="1")
        fleet, servers = [], []
        try:
            await answers(f"{url}/api/v1/health")
            for _ in range(nodes):
                node_port = free_port()
                address = f"http://127.0.0.1:{node_port}"
                node = SimulatedNode(url, address, "wingerboy", slots=1, frame_s=frame_s, part=part)
                server = uvicorn.Server(uvicorn.Config(node.app(), port=node_port, log_level="warning"))
                servers.append((server, asyncio.create_task(server.serve())))
                await answers(f"{address}/identity?nonce=is-it-there")
                await node.join()
                fleet.append(node)
            return await _one_task(url, fleet, looped(part, segments), segments), fleet
        finally:
            for node in fleet:
                await node.close()
            for server, serving in servers:
                server.should_exit = True
                await serving
            coordinator.terminate()
            coordinator.wait(30)


async def _one_task(url: str, fleet: list[SimulatedNode], video: bytes, segments: int) -> float:
    async with aiohttp.ClientSession(headers=await login(url)) as session:
        await _all_online(session, url, len(fleet))
        body = {"video_id": await upload(url, video), "background": {"kind": "color", "color": "#00ff00"}}
        began = time.perf_counter()
        async with session.post(f"{url}/api/v1/tasks", json=body) as answer:
            task = await answer.json()
            if answer.status != 201:
                raise RuntimeError(f"POST tasks: {task}")
        while task["state"] not in {"completed", "failed", "cancelled"} and time.perf_counter() - began < END_S:
            await asyncio.sleep(0.05)
            async with session.get(f"{url}/api/v1/tasks/{task['id']}") as answer:
                task = await answer.json()
        seconds = time.perf_counter() - began
        async with session.get(f"{url}/api/v1/tasks/{task['id']}/steps") as answer:
            steps = (await answer.json())["items"]
    if task["state"] != "completed" or len(steps) != segments + (segments > 1):
        raise RuntimeError(f"the task is {task['state']} with {len(steps)} steps: {task['error']}")
    return seconds


async def _all_online(session: aiohttp.ClientSession, url: str, count: int) -> None:
    end = time.monotonic() + JOIN_S
    while time.monotonic() < end:
        async with session.get(f"{url}/api/v1/admin/interfaces") as answer:
            items = (await answer.json())["items"]
        if sum(item["lane"] == "push" and item["state"] == "online" for item in items) == count:
            return
        await asyncio.sleep(0.1)
    raise RuntimeError(f"not all {count} nodes are online after {JOIN_S:g} s")


async def measure(counts: list[int], segments: int, frame_s: float) -> None:
    """Run each size of fleet and print the table."""
    rows: list[tuple[str, ...]] = [
        ("nodes", "seconds", "ideal s", "times faster", "ideal", "joining s", "frames redone")
    ]
    first = 0.0
    for count in sorted(counts):  # the smallest fleet is what the others are compared with
        seconds, fleet = await timed(count, segments, frame_s)
        first = first or seconds * count
        ideal = math.ceil(segments / count) * FRAMES * frame_s
        joining, done = sum(node.joining_s for node in fleet), sum(node.frames for node in fleet)
        best = segments / math.ceil(segments / count)
        line = (f"{seconds:.1f}", f"{ideal:.1f}", f"{first / seconds:.2f}", f"{best:.2f}", f"{joining:.2f}")
        rows.append((str(count), *line, str(done - segments * FRAMES)))
        print(f"{count} nodes: {seconds:.1f} s", flush=True)
    table(rows)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--segments", type=int, default=64)
    parser.add_argument("--frame-s", type=float, default=0.25)
    given = parser.parse_args()
    asyncio.run(measure(given.nodes, given.segments, given.frame_s))


if __name__ == "__main__":
    main()
