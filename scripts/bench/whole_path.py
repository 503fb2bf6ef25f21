"""The whole path of a video through coordinator and one node, against the pipeline's own time on the same run.

    python -m scripts.bench.whole_path CLIP [--runs 7]

The video is uploaded once; a first task loads the model, which a node does once and not once a task. Each run makes a
task with a background of one colour and waits for its end at the socket. The node's log says how long the pipeline took
for that very task, as `segfleet process` prints it; the whole path may take 1.05 times as long and half a second more.
The second table says what the socket told, and when: where the time between goes.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from websockets.sync.client import ClientConnection, connect

from scripts.bench.segments import WHOLE_S, fleet
from scripts.bench.stub_node import table
from scripts.client import ENDED, PREFIX, Client

COLOR: Final = "#204060"
FACTOR, MORE_S = 1.05, 0.5
PATIENCE_S: Final = 600.0


@dataclass(frozen=True)
class Whole:
    """One task: seconds from just before it was asked for to the socket's last word, and what was said between."""

    seconds: float
    told: list[tuple[str, float]]


def whole(client: Client, socket: ClientConnection, video_id: str, key: str) -> Whole:
    """A task, waited for at the socket."""
    body = {"video_id": video_id, "background": {"kind": "color", "color": COLOR}, "options": {"quality": "standard"}}
    began = time.perf_counter()
    task_id = client.create_task(body, key)["id"]
    told = [("asked for", time.perf_counter() - began)]
    while True:
        event = json.loads(socket.recv(PATIENCE_S))
        if event["type"] == "ping":
            socket.send('{"type": "pong"}')
        if event["type"] != "task" or event["object"]["id"] != task_id:
            continue
        task, at = event["object"], time.perf_counter() - began
        words = task["state"] if task["state"] != "processing" else f"{task['stage'] or 'taken'}"
        if words != told[-1][0]:
            told.append((words, at))
        if task["state"] in ENDED:
            if task["state"] != "completed":
                raise SystemExit(f"the task is {task['state']}: {task.get('error')}")
            return Whole(at, told)


def pipelines(log: Path) -> list[float]:
    """The seconds of every video that the node's pipeline has processed, from its log, in their order."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [float(json.loads(line)["seconds"]) for line in lines if '"video_processed"' in line]


def connected(client: Client) -> ClientConnection:
    """The live connection of the client's account."""
    address = client.access.url.replace("http", "ws", 1) + PREFIX + "/ws"
    return connect(address, max_size=None, proxy=None)


def greet(client: Client, socket: ClientConnection) -> None:
    """Say who we are."""
    socket.send(json.dumps({"type": "auth", "token": client.access.token}))
    hello = json.loads(socket.recv(PATIENCE_S))
    if hello["type"] != "hello":
        raise SystemExit(f"the socket said {hello}")


def told_rows(paths: list[Whole]) -> list[tuple[str, ...]]:
    """The medians of when the socket first said what, in the order of the last run."""
    rows: list[tuple[str, ...]] = [("the socket says", "after s")]
    for words, _ in paths[-1].told:
        times = [next((at for said, at in path.told if said == words), None) for path in paths]
        rows.append((words, f"{statistics.median(at for at in times if at is not None):.2f}"))
    return rows


def main() -> int:
    """0 when the whole path is as short as it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path, help="a video file")
    parser.add_argument("--runs", type=int, default=7, help="how often each runs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="whole-path-") as name:
        folder = Path(name)
        with fleet(folder, 1, WHOLE_S) as client, connected(client) as socket:
            greet(client, socket)
            video: dict[str, Any] = client.upload("videos", options.clip, lambda done, size: None)
            paths = [whole(client, socket, video["id"], f"run-{number}") for number in range(options.runs + 1)]
            spans = [span for log in folder.glob("fleet-*/logs/*.log") for span in pipelines(log)]
    if len(spans) != len(paths):
        raise SystemExit(f"the logs tell of {len(spans)} videos instead of {len(paths)}")
    return judged(paths[1:], spans[1:])


def judged(paths: list[Whole], spans: list[float]) -> int:
    """Print what was measured; 0 when the whole path is as short as it must be."""
    rows: list[tuple[str, ...]] = [("run", "whole path s", "pipeline s", "between s")]
    pairs = zip(paths, spans, strict=True)
    rows += [(str(n), f"{p.seconds:.2f}", f"{s:.2f}", f"{p.seconds - s:.2f}") for n, (p, s) in enumerate(pairs, 1)]
    table(rows)
    table(told_rows(paths))
    spent, pipeline = statistics.median(path.seconds for path in paths), statistics.median(spans)
    bar = FACTOR * pipeline + MORE_S
    verdict = "held" if spent <= bar else "MISSED"
    print(f"medians: whole path {spent:.2f} s, pipeline {pipeline:.2f} s; at most {bar:.2f} s: {verdict}")
    return int(spent > bar)


if __name__ == "__main__":
    sys.exit(main())
