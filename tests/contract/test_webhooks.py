"""A receiver of somebody else's, and a coordinator that is killed while it sends."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.system.coordinator import Coordinator
from tests.system.patience import until


@dataclass
class Receiver:
    """What came, as it came; nothing is answered while `open` is not set."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Listening on the loopback."""
    here = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            here.got.append((dict(self.headers.items()), self.rfile.read(int(self.headers["content-length"]))))
            here.open.wait(60)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        here.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield here
        here.open.set()
        server.shutdown()
        thread.join()


def test_a_message_outlives_the_coordinator_that_was_killed_while_it_sent(receiver: Receiver, tmp_path: Path) -> None:
    with Coordinator(tmp_path, WEBHOOK_NETWORKS="127.0.0.0/8") as coordinator:
        with coordinator.account("somebody") as user:
            secret = user.post("/webhooks/secrets").raise_for_status().json()["secret"]
            task = user.post("/tasks", json={"webhook_url": receiver.url}).raise_for_status().json()
            until(lambda: receiver.got, 30, "the first message came")
            coordinator.program.kill()
            receiver.open.set()
            coordinator.start()
            user.put(f"/tasks/{task['id']}/cancel").raise_for_status()

            def taken() -> list[dict[str, Any]]:
                found = user.get("/webhooks/deliveries", params={"task": task["id"]}).json()["items"]
                return found if {row["state"] for row in found} == {"delivered"} and len(found) == 2 else []

            cancelled, created = until(taken, 30, "both messages are delivered")
        said = coordinator.program.said()
    assert (created["type"], created["tries"], cancelled["type"]) == ("task.created", 2, "task.cancelled")
    events = [Webhook(secret).verify(body, headers) for headers, body in receiver.got]
    assert [event["type"] for event in events] == ["task.created", "task.created", "task.cancelled"]
    ids = [{name.lower(): value for name, value in headers.items()}["webhook-id"] for headers, _ in receiver.got]
    assert ids == [created["id"], created["id"], cancelled["id"]]
    assert secret not in said
    assert receiver.url not in said
