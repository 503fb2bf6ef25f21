"""A coordinator with two nodes of one lane that tests break and mend, and the ledger of what happened meanwhile."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self

from tests.clips import Clip
from tests.system import long_clips
from tests.system.coordinator import ENDED, Coordinator
from tests.system.nodes import MODEL, NodeProcess, tiny_model
from tests.system.patience import LEASE_S, until

FEW_S = 6.0
"""A few seconds: a tick of the coordinator, an offer, a busy machine."""
LONG_S = 6.0
"""So long a node is busy with the long video: enough to be disturbed in the middle on a fast machine, too."""
SHORT, LEAST, MOST = 10, 36, 250
"""Turns of the short video, and of the long one: a machine that is slow at first may be much faster later."""
SMALL = Clip(frames=48, width=320, height=240, bframes=0)


class Fleet:
    """`broken` things are mended by `heal`, so that one fleet serves many tests. Videos are one step unless `keys`,
    the coordinator's settings, say otherwise."""

    def __init__(self, home: Path, *, push: bool, **keys: str) -> None:
        self.home = home
        self.push = push
        known = {"LEASE_S": f"{LEASE_S:g}", "HEARTBEAT_INTERVAL": "1", "SEGMENT_SECONDS": "3600"}
        self.coordinator = Coordinator(home / "coordinator", **known | keys)
        self.cache = tiny_model(home / "cache")
        self.nodes = tuple(self.node(f"node-{letter}") for letter in "ab")

    def node(self, name: str, cache: Path | None = None, home: Path | None = None, **keys: str) -> NodeProcess:
        """One more node of this lane, not yet started; with a home of its own if it shall have one."""
        place, url = home or self.home, self.coordinator.url
        return NodeProcess(place, url, cache or self.cache, name, push=self.push, **keys)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.coordinator)
            for node in self.nodes:
                stack.enter_context(node)
            self._prepare(stack)
            self._stack = stack.pop_all()
        return self

    def _prepare(self, stack: ExitStack) -> None:
        self.admin = stack.enter_context(self.coordinator.administrator())
        self.user = stack.enter_context(self.coordinator.account("somebody"))
        self.short = long_clips.repeated(self.home / "short.mp4", SHORT, SMALL)
        self.short_id = self.user.upload(self.short)["id"]
        self.heal()
        turns = min(MOST, max(LEAST, round(SHORT * LONG_S / self._seconds_of_a_short_one())))
        self.long = long_clips.repeated(self.home / "long.mp4", turns, SMALL)
        self.long_id = self.user.upload(self.long)["id"]

    def _seconds_of_a_short_one(self) -> float:
        """How long this machine needs for the short video, which also warms both nodes up."""
        tasks = [self.submit(self.short_id) for _ in self.nodes]
        seconds = []
        for task_id in tasks:
            assert self.user.ended(task_id)["state"] == "completed"
            reported = [row for row in self.attempts(task_id) if row["reported_at"]]
            seconds += [float(row["reported_at"] - row["started_at"]) for row in reported]
        return min(seconds)

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        for program in (self.coordinator.program, *(node.program for node in self.nodes)):
            assert program.complaints() == []

    def heal(self) -> None:
        """Start what does not run, and wait until both nodes are online and idle."""
        if self.coordinator.program.exit_code is not None:
            self.coordinator.start()
        for node in self.nodes:
            if node.program.exit_code is not None:
                node.program.start()
        for node in self.nodes:
            until(partial(self.is_idle, node), 60, f"{node.name} is online and idle", partial(node.row, self.admin))

    def is_idle(self, node: NodeProcess) -> bool:
        """Whether the coordinator shows it online, in its lane, with every slot free."""
        row = node.row(self.admin)
        lane = "push" if self.push else "pull"
        return row is not None and row["state"] == "online" and row["lane"] == lane and row["last_seen_s"] < 3

    def is_working(self, tasks: list[str]) -> bool:
        """Whether one of these is being worked on; fails when all have ended before anybody disturbed them."""
        states = {self.user.task(task_id)["state"] for task_id in tasks}
        assert not states <= ENDED, "every task ended too soon"
        return "processing" in states

    @contextmanager
    def away(self, *nodes: NodeProcess) -> Iterator[None]:
        """These nodes are given nothing while the block runs, so that nobody races the others: begin before
        the task, for a race begins at once."""
        ids = [row["id"] for row in (node.row(self.admin) for node in nodes) if row is not None]
        for one in ids:
            assert self.admin.put(f"/admin/interfaces/{one}/drain").status_code == 200
        try:
            yield
        finally:
            for one in ids:
                assert self.admin.put(f"/admin/interfaces/{one}/resume").status_code == 200

    def submit(self, video_id: str, **more: Any) -> str:
        """A task for these nodes."""
        return self.user.submit(video_id, model=MODEL, **more)

    def worker(self, task_id: str) -> NodeProcess:
        """The node that does the task's step now."""
        name = self.user.get(f"/tasks/{task_id}/steps").json()["items"][0]["node"]
        return next(node for node in self.nodes if node.name == name)

    def other(self, node: NodeProcess) -> NodeProcess:
        """Not this one."""
        return next(one for one in self.nodes if one is not node)

    def attempts(self, task_id: str) -> list[dict[str, Any]]:
        """Every attempt of the task with its node's name, oldest first, from the database. Offers that were turned down
        are none: a node hears of the end of its drain a moment after the coordinator."""
        return self.coordinator.rows(
            "SELECT attempts.*, interfaces.name AS node FROM attempts "
            "JOIN interfaces ON interfaces.id = attempts.interface_id "
            "WHERE task_id = ? AND attempts.state != 'rejected' ORDER BY attempts.id",
            task_id,
        )

    def steps(self, task_id: str) -> list[dict[str, Any]]:
        """Every step of the task, from the database."""
        return self.coordinator.rows("SELECT * FROM steps WHERE task_id = ?", task_id)

    def has_one_result(self, task_id: str) -> None:
        """One completed attempt a step, which won it, and one set of files behind the results."""
        winners = [row["winner"] for row in self.steps(task_id)]
        completed = [row["id"] for row in self.attempts(task_id) if row["state"] == "completed"]
        assert completed == winners
        results = self.coordinator.rows("SELECT output, attempt_id FROM results WHERE task_id = ?", task_id)
        assert [(row["output"], row["attempt_id"]) for row in results] == [("composite", winners[0])]

    def download(self, task: dict[str, Any], output: str = "composite") -> Path:
        """A result as a file."""
        path = self.home / f"{task['id']}-{output}.mp4"
        path.write_bytes(self.user.get(task["results"][output]["url"]).raise_for_status().content)
        return path

    @property
    def clock(self) -> float:
        """Unix seconds, as the database counts them."""
        return time.time()
