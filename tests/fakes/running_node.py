"""A node in a thread of the test's own process, listening on a real port."""

import asyncio
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import uvicorn

from interface_node.app import create_app
from interface_node.jobs.node import Node
from interface_node.jobs.pace import Pace
from interface_node.jobs.work import Work
from interface_node.settings import NodeSettings, from_environment
from tests.fakes.coordinator_wire import CLUSTER

PACE = Pace(report_s=0.05, stuck_s=0.4, flush_s=2.0, pending_s=0.1, poll_s=0.3)


def settings_for(home: Path, coordinator: str, **keys: str) -> NodeSettings:
    """Settings of a node under `home`; any key may be given."""
    environment = {
        "SEGFLEET_HOME": str(home),
        "SEGFLEET_CACHE": str(home / "cache"),
        "COORDINATOR_URL": coordinator,
        "INTERFACE_IDENTIFICATION": CLUSTER,
        "NODE_NAME": "test",
        "NODE_DEVICE": "cpu",
        "NODE_DRAIN_SECONDS": "1",
        **keys,
    }
    return from_environment(environment=environment, directory=home)


class RunningNode:
    """Start it with `with`; leaving the block stops it as SIGTERM would."""

    def __init__(
        self, home: Path, coordinator: str, work: Work, *, pushed: bool = False, pace: Pace = PACE, **keys: str
    ) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        if pushed:
            keys["NODE_ADDRESS"] = self.url
        app = create_app(settings_for(home, coordinator, **keys), work, pace)
        self.node: Node = app.state.node
        config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        end = time.monotonic() + 40
        while not self._server.started and time.monotonic() < end:
            time.sleep(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def ask_to_stop(self) -> None:
        """Begin to drain, and do not wait for it."""
        self._server.should_exit = True

    def stop(self) -> None:
        """Drain, leave, close."""
        self.ask_to_stop()
        self._thread.join(15)
        self._socket.close()

    def get(self, path: str) -> httpx.Response:
        """Ask the node."""
        return httpx.get(self.url + path, timeout=10)

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))
