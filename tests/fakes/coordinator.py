"""A coordinator on real HTTP that keeps everything in memory: the node's other side in its tests."""

import asyncio
import hashlib
import socket
import threading
import time
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import httpx
import uvicorn

from protocol import signing
from protocol.base import AttemptId, StepId, TaskId
from protocol.reports import TERMINAL, Callback
from protocol.states import Output, StepKind
from protocol.work import Assignment, Background, ColorBackground, Encoding, FrameRange, Source
from tests.fakes.coordinator_wire import TOKEN, CoordinatorWire


class FakeCoordinator(CoordinatorWire):
    """Start it with `with`; look at what it heard in its lists; wait with `until`."""

    def __init__(self) -> None:
        super().__init__()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(self.app(), log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(5)
        self._socket.close()

    def until(self, what: Callable[[], object], timeout_s: float = 45.0) -> None:
        """Wait until `what()` is true; it is asked again whenever the coordinator heard something."""
        end = time.monotonic() + timeout_s
        with self.changed:
            while not what():
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError("it did not happen")
                self.changed.wait(min(left, 0.05))

    def ended(self, attempt_id: str) -> Callback | None:
        """The acknowledged terminal callback of an attempt."""
        found = [one for one in self.callbacks if one.attempt_id == attempt_id and one.kind in TERMINAL]
        return found[-1] if found else None

    def end_of(self, assignment: Assignment) -> Callback:
        """Wait for the acknowledged terminal callback."""
        self.until(lambda: self.ended(assignment.attempt_id))
        ended = self.ended(assignment.attempt_id)
        if ended is None:
            raise AssertionError("an outcome went away")
        return ended

    def beats(self, count: int) -> None:
        """Wait for `count` more heartbeats."""
        wanted = len(self.heartbeats) + count
        self.until(lambda: len(self.heartbeats) >= wanted)

    def assignment(self, data: bytes, **changes: Any) -> Assignment:
        """Work on a file with these bytes; any field may be given another value."""
        source = self.source(data)
        attempt_id = AttemptId(f"a_{uuid.uuid4().hex}")
        whole = Assignment(
            attempt_id=attempt_id,
            task_id=TaskId("t_1"),
            step_id=StepId("s_1"),
            kind=StepKind.SEGMENT,
            source=source,
            range=FrameRange(stream=0, time_base="1/1000", frames=10),
            background=green(),
            model="selfie",
            outputs=(Output.COMPOSITE,),
            encoding=Encoding(),
            upload_urls={one: f"/api/v1/interfaces/artifacts/{attempt_id}/{one.value}" for one in Output},
            callback_url=f"/api/v1/interfaces/callbacks/{attempt_id}",
            attempt_token=TOKEN,
            lease_s=self.lease_s,
        )
        return whole.model_copy(update=changes)

    def source(self, data: bytes) -> Source:
        """Serve these bytes."""
        digest = hashlib.sha256(data).hexdigest()
        self.files[digest] = data
        return Source(url=f"/files/{digest}", etag=f'"{digest}"', sha256=digest, size=len(data))

    def offer(self, assignment: Assignment) -> Assignment:
        """Hand out in the pull lane."""
        with self.changed:
            self.offers.append(assignment)
            self.changed.notify_all()
        return assignment

    def process(self, address: str, assignment: Assignment) -> httpx.Response:
        """Call a node as the push lane does."""
        return self.call("POST", address, "/process", assignment.model_dump_json().encode())

    def cancel(self, address: str, attempt_id: str) -> httpx.Response:
        """Cancel on a node."""
        return self.call("DELETE", address, f"/process/{attempt_id}", b"")

    def call(
        self,
        method: str,
        address: str,
        path: str,
        body: bytes,
        *,
        signed_path: str | None = None,
        ago_s: float = 0.0,
        secret: str | None = None,
    ) -> httpx.Response:
        """One signed request to a node."""
        row = next(reversed(self.rows.values()))
        headers = signing.sign(
            secret or row.fresh or row.secret,
            "to-node",
            message_id=f"msg_{uuid.uuid4().hex}",
            now=self.now() - ago_s,
            method=method,
            path=signed_path or path,
            body=body,
        )
        headers[signing.INTERFACE_HEADER] = row.interface_id
        return httpx.request(method, address + path, content=body, headers=headers, timeout=10)

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))


def green() -> Background:
    """A green background."""
    return ColorBackground(color="#00ff00")
