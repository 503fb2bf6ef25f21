"""Promise 15: a node behind NAT works, one version of skew either way does, and an address may change."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit

import pytest

from protocol import signing
from protocol.version import NEWEST_SUPPORTED, OLDEST_SUPPORTED
from tests.contract.conftest import Json, Start
from tests.contract.third_party import API, ThirdParty, problem
from tests.system.coordinator import CLUSTER, Client
from tests.system.patience import until

LANE_S = 20.0


def test_a_node_that_nobody_can_call_works_by_asking(
    user: Client, admin: Client, node: ThirdParty, start: Start, clip: Path
) -> None:
    work = node.offered(start())
    data = clip.read_bytes()
    assert node.put(work, data).is_success
    assert node.complete(work, data).json() == {"command": "continue"}
    assert user.ended(work["task_id"])["state"] == "completed"
    row = admin.get(f"/admin/interfaces/{node.interface_id}").json()
    assert (row["lane"], row["address"]) == ("pull", None)


@pytest.mark.parametrize("version", [OLDEST_SUPPORTED, NEWEST_SUPPORTED])
def test_a_node_one_version_newer_works_with_fields_that_nobody_knows(
    user: Client, newcomer: ThirdParty, video: Json, clip: Path, version: int
) -> None:
    newer: Json = {"invented_later": {"deep": [1, 2]}, "another": None}
    newcomer.join(protocol_version=version, **newer)
    task_id = user.submit(video["id"], model=newcomer.model)

    def look() -> Json | None:
        return next(iter(newcomer.ask(**newer)["assignments"]), None)

    work = until(look, 20, "the step is offered")
    assert newcomer.post(f"{API}/heartbeat", newcomer.say(attempts=[], **newer)).is_success
    assert newcomer.report(work, stage="process", frames_done=1, frames_total=24, **newer).is_success
    data = clip.read_bytes()
    newcomer.put(work, data)
    assert newcomer.complete(work, data).is_success
    assert user.ended(task_id)["state"] == "completed"


@pytest.mark.parametrize("version", [OLDEST_SUPPORTED - 1, NEWEST_SUPPORTED + 1])
def test_a_node_two_versions_away_is_told_the_range(newcomer: ThirdParty, version: int) -> None:
    refused = newcomer.register(protocol_version=version)
    assert problem(refused)[1] == "unsupported_protocol"
    assert refused.json()["params"] == {"oldest": OLDEST_SUPPORTED, "newest": NEWEST_SUPPORTED}


class Door:
    """Where a node listens: it proves who it is, accepts every offer and remembers it. Use with `with`."""

    def __init__(self, node: ThirdParty, port: int = 0) -> None:
        self.offers: list[Json] = []
        door = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                nonce = parse_qs(urlsplit(self.path).query)["nonce"][0]
                proof = signing.identity_proof(node.secret, nonce)
                self.say(200, {"node_id": node.node_id, "boot_id": node.boot_id, "proof": proof})

            def do_POST(self) -> None:
                work = json.loads(self.rfile.read(int(self.headers["content-length"])))
                door.offers.append(work)
                self.say(202, {"attempt_id": work["attempt_id"], "boot_id": node.boot_id})

            def say(self, status: int, body: Json) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Answers)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def in_lane(admin: Client, node: ThirdParty, lane: str) -> None:
    """Wait until work reaches the node this way."""
    path = f"/admin/interfaces/{node.interface_id}"
    until(lambda: admin.get(path).json()["lane"] == lane, LANE_S, f"the node is in the {lane} lane")


def test_a_node_that_cannot_be_called_any_more_asks_for_its_work_and_is_called_again_when_it_can_be(
    user: Client, admin: Client, newcomer: ThirdParty, video: Json, clip: Path
) -> None:
    data = clip.read_bytes()
    with Door(newcomer) as door:
        newcomer.join(address=door.url)
        in_lane(admin, newcomer, "push")
    task_id = user.submit(video["id"], model=newcomer.model)
    in_lane(admin, newcomer, "pull")
    work = newcomer.offered(task_id)
    with Door(newcomer, door.port) as again:
        in_lane(admin, newcomer, "push")
        newcomer.put(work, data)
        assert newcomer.complete(work, data).is_success
        assert user.ended(task_id)["state"] == "completed"
        pushed = user.submit(video["id"], model=newcomer.model)
        until(lambda: [one["task_id"] for one in again.offers] == [pushed], 20, "the offer comes by a call")
    user.put(f"/tasks/{pushed}/cancel")


def test_a_node_whose_address_changes_says_so_and_is_called_there(
    user: Client, admin: Client, newcomer: ThirdParty, video: Json
) -> None:
    with Door(newcomer) as old:
        newcomer.join(address=old.url)
        in_lane(admin, newcomer, "push")
    with Door(newcomer) as new:
        body = json.dumps(newcomer.registration(address=new.url)).encode()
        headers = {**newcomer.signed(f"{API}/register", body), "Authorization": f"Bearer {CLUSTER}"}
        joined = newcomer.http.post(f"{API}/register", content=body, headers=headers).raise_for_status().json()
        assert joined["interface_id"] == newcomer.interface_id
        newcomer.secret = joined["secret"]
        in_lane(admin, newcomer, "push")
        task_id = user.submit(video["id"], model=newcomer.model)
        until(lambda: [one["task_id"] for one in new.offers] == [task_id], 20, "the offer comes to the new address")
        assert old.offers == []
    user.put(f"/tasks/{task_id}/cancel")
