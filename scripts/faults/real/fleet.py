"""A coordinator and nodes as processes, each behind a network that may fail, and the disks that they write."""

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx

from scripts.faults.real import model
from scripts.faults.real.postgres import Postgres
from scripts.faults.real.programs import Program, free_port
from scripts.faults.real.proxy import Network, Proxy
from scripts.refusal import Refusal

CLUSTER = "cluster string of a fault run"
ADMIN = ("admin", "admin password of a fault run")
SEGMENT_S = 4
LEASE_S = 3
START_S = 90.0
DISK_MB = 512


@dataclass
class Node:
    """A node, its way to the coordinator, and the coordinator's way to it (None: the pull lane)."""

    program: Program
    out: Proxy
    back: Proxy | None
    home: Path
    small_disk: bool = False


class Fleet:
    """Use with `with`. `postgres` None means SQLite."""

    def __init__(self, home: Path, nodes: int, postgres: Postgres | None) -> None:
        self.home, self.postgres = home, postgres
        self._count = nodes
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        place = home / "coordinator"
        self.database_url = postgres.url if postgres else f"sqlite:///{place / 'segfleet.db'}"
        environment = {
            "SEGFLEET_HOME": str(place),
            "API_PORT": str(self.port),
            "ADMIN_USERNAME": ADMIN[0],
            "ADMIN_PASSWORD": ADMIN[1],
            "INTERFACE_IDENTIFICATION": CLUSTER,
            "RATE_LIMIT": "1000000/minute",
            "LEASE_S": str(LEASE_S),
            "HEARTBEAT_INTERVAL": "1",
            "SEGMENT_SECONDS": str(SEGMENT_S),
            **({"DATABASE_URL": postgres.url} if postgres else {}),
        }
        self.coordinator = Program(["-m", "coordinator"], environment, place, "coordinator")
        self.nodes: list[Node] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            network = stack.enter_context(Network())
            cache = model.write(self.home / "cache")
            stack.callback(self._end)
            for number in range(self._count):
                self.nodes.append(self._node(stack, network, cache, number))
            self.coordinator.start()
            self.answers()
            for node in self.nodes:
                node.program.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def programs(self) -> list[Program]:
        """All of them."""
        return [*(node.program for node in self.nodes), self.coordinator]

    def _end(self) -> None:
        for program in self.programs():
            program.kill()

    def _node(self, stack: ExitStack, network: Network, cache: Path, number: int) -> Node:
        """Two of three are called, every third asks for its work; the first writes on a small disk."""
        name, port = f"node-{number}", free_port()
        home = self.home / name
        home.mkdir()
        small = number == 0 and stack.enter_context(small_disk(home))
        out = network.proxy(self.port)
        back = network.proxy(port) if number % 3 != 2 else None
        environment = {
            "SEGFLEET_HOME": str(home),
            "SEGFLEET_CACHE": str(cache),
            "COORDINATOR_URL": out.url,
            "INTERFACE_IDENTIFICATION": CLUSTER,
            "NODE_NAME": name,
            "NODE_PORT": str(port),
            "NODE_DEVICE": "cpu",
            "NODE_DRAIN_SECONDS": "0.5",
            **({"NODE_ADDRESS": back.url} if back else {}),
        }
        program = Program(["-m", "interface_node"], environment, self.home / "logs", name)
        return Node(program, out, back, home, bool(small))

    def answers(self) -> None:
        """Wait until the coordinator does. Refusal: it never did."""
        wait(self._answers, START_S, f"the coordinator does not answer; see {self.coordinator.log}")

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/api/v1/health", timeout=2).is_success
        return False


def wait(look: Callable[[], object], seconds: float, otherwise: str) -> None:
    """Until `look()` is true. Refusal with `otherwise` when it is not in time."""
    end = time.monotonic() + seconds
    while not look():
        if time.monotonic() > end:
            raise Refusal(f"Not within {seconds:g} s: {otherwise}.")
        time.sleep(0.1)


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A file system of `DISK_MB` in `folder` where root allows; whether it is there."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "segfleet-faults", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(command, check=False, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)
