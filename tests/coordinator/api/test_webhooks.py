"""Webhooks over HTTP: secrets, trying a receiver out, deliveries."""

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from coordinator.domain.tasks import TaskCreate
from coordinator.errors import InvalidRequest
from coordinator.services import webhooks
from coordinator.services.rules import Rules
from coordinator.services.webhook_secrets import MOST
from tests.coordinator.conftest import ADMIN, Server
from tests.system.patience import until


@pytest.fixture
def client(shared_server: Server) -> Iterator[httpx.Client]:
    """A client of a fresh account."""
    with shared_server.client(shared_server.register(f"hooks{uuid.uuid4().hex[:8]}")) as opened:
        yield opened


@pytest.fixture(scope="module")
def anybody(shared_server: Server) -> Iterator[httpx.Client]:
    """One account for all that is refused: hashing passwords is what these tests would cost."""
    with shared_server.client(shared_server.register(f"hooks{uuid.uuid4().hex[:8]}")) as opened:
        yield opened


def secrets(client: httpx.Client) -> list[dict[str, Any]]:
    return list(client.get("/webhooks/secrets").json()["items"])


def test_a_secret_is_shown_once_replaced_with_an_overlap_and_removed(
    client: httpx.Client, shared_server: Server
) -> None:
    assert secrets(client) == []
    first = client.post("/webhooks/secrets")
    assert first.status_code == 201
    assert first.json()["secret"].startswith("whsec_")
    [listed] = secrets(client)
    assert listed == {name: value for name, value in first.json().items() if name != "secret"}
    assert first.json()["secret"].startswith(listed["hint"])
    assert listed["expires_at"] is None

    second = client.post("/webhooks/secrets", json={"overlap_s": 60}).json()
    assert [row["id"] for row in secrets(client)] == [second["id"], listed["id"]]
    assert secrets(client)[1]["expires_at"] is not None
    third = client.post("/webhooks/secrets", json={"overlap_s": 0}).json()
    assert [row["id"] for row in secrets(client)] == [third["id"]]
    assert client.delete(f"/webhooks/secrets/{third['id']}").status_code == 204
    assert secrets(client) == []
    assert client.delete(f"/webhooks/secrets/{third['id']}").json()["code"] == "not_found"

    with shared_server.client(shared_server.login(*ADMIN)) as admin:
        rows = admin.get("/admin/audit", params={"action": "webhook_secret.removed"}).json()["items"]
    assert rows[0]["target"] == third["id"]
    assert third["secret"] not in str(rows)


def test_a_task_shows_its_owner_and_administrators_whom_it_tells(
    anybody: httpx.Client, client: httpx.Client, shared_server: Server
) -> None:
    hook = "https://hooks.example.org/a?key=secret"
    made = anybody.post("/tasks", json={"webhook_url": hook}).json()
    assert made["webhook_url"] == hook
    with shared_server.client(shared_server.login(*ADMIN)) as admin:
        for who in (anybody, admin):
            assert who.get(f"/tasks/{made['id']}").json()["webhook_url"] == hook
    assert client.get(f"/tasks/{made['id']}").json()["code"] == "not_found"
    assert client.post("/tasks", json={}).json()["webhook_url"] is None


def test_so_many_secrets_sign_at_once_and_no_more(client: httpx.Client) -> None:
    for _ in range(MOST):
        assert client.post("/webhooks/secrets").status_code == 201
    refused = client.post("/webhooks/secrets")
    assert (refused.status_code, refused.json()["params"]) == (422, {"most": MOST})
    assert client.post("/webhooks/secrets", json={"overlap_s": 0}).status_code == 201


@pytest.mark.parametrize("body", [{"overlap_s": -1}, {"overlap_s": 10**6}, {"overlap": 1}])
def test_a_wrong_overlap_is_refused(anybody: httpx.Client, body: dict[str, Any]) -> None:
    assert anybody.post("/webhooks/secrets", json=body).json()["code"] == "invalid_request"


def test_an_address_of_this_machine_is_refused_at_the_connection(anybody: httpx.Client, shared_server: Server) -> None:
    port = shared_server.url.rpartition(":")[2]
    for host in ("127.0.0.1", "localhost"):
        tried = anybody.post("/webhooks/test", json={"url": f"http://{host}:{port}/api/v1/health"}).json()
        assert (tried["ok"], tried["status"], tried["answer"]) == (False, None, "")
        assert tried["error"]["code"] == "address_refused"


@pytest.mark.parametrize("url", ["ftp://hooks.example.org/", "https://name:password@hooks.example.org/", "hook", ""])
def test_what_is_no_address_of_a_receiver_is_refused(anybody: httpx.Client, url: str) -> None:
    for path, field in (("/webhooks/test", "url"), ("/tasks", "webhook_url")):
        refused = anybody.post(path, json={field: url})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, f"/{field}")


def test_production_takes_https_alone() -> None:
    def asked(url: str) -> Any:
        return TaskCreate.model_validate({"webhook_url": url}).webhook_url

    assert webhooks.accepted(Rules(webhook_http=False), asked("https://a.example/x"), "url") == "https://a.example/x"
    assert webhooks.accepted(Rules(), asked("http://a.example/x"), "url") == "http://a.example/x"
    with pytest.raises(InvalidRequest) as refused:
        webhooks.accepted(Rules(webhook_http=False), asked("http://a.example/x"), "webhook_url")
    assert refused.value.errors[0].pointer == "/webhook_url"


def test_a_message_that_nobody_may_take_is_dead_and_can_be_sent_again(client: httpx.Client) -> None:
    task_id = client.post("/tasks", json={"webhook_url": "http://127.0.0.1:9/hook?a=b"}).json()["id"]
    client.put(f"/tasks/{task_id}/cancel").raise_for_status()

    def dead() -> list[dict[str, Any]]:
        found = client.get("/webhooks/deliveries", params={"task": task_id}).json()["items"]
        return found if [row["state"] for row in found] == ["dead", "dead"] else []

    cancelled, created = until(dead, 30, "both messages are given up")
    assert (cancelled["type"], created["type"]) == ("task.cancelled", "task.created")
    assert created["error"]["code"] == "address_refused"
    assert (created["status"], created["tries"], created["next_at"]) == (None, 1, None)
    again = client.post(f"/webhooks/deliveries/{created['id']}/redeliver")
    assert (again.status_code, again.json()["id"], again.json()["state"]) == (202, created["id"], "waiting")
    assert until(dead, 30, "it is given up again")[1]["gives_up_at"] > created["gives_up_at"]


def test_deliveries_come_in_pages_and_are_nobody_elses(client: httpx.Client, shared_server: Server) -> None:
    for _ in range(2):
        client.post("/tasks", json={"webhook_url": "http://127.0.0.1:9/"}).raise_for_status()
    first = client.get("/webhooks/deliveries", params={"limit": 1}).json()
    rest = client.get("/webhooks/deliveries", params={"cursor": first["next"], "limit": 5}).json()
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (1, 1, None)
    assert first["items"][0]["created_at"] >= rest["items"][0]["created_at"]
    narrow = {"state": ["delivered", "dropped"]}
    assert client.get("/webhooks/deliveries", params=narrow).json()["items"] == []
    assert client.get("/webhooks/deliveries", params={"state": "nowhere"}).json()["code"] == "invalid_request"
    assert client.get("/webhooks/deliveries", params={"cursor": "nonsense"}).json()["code"] == "invalid_cursor"
    with shared_server.client(shared_server.register(f"other{uuid.uuid4().hex[:8]}")) as other:
        assert other.get("/webhooks/deliveries").json() == {"items": [], "next": None}
        foreign = other.post(f"/webhooks/deliveries/{rest['items'][0]['id']}/redeliver")
    assert foreign.json()["code"] == "not_found"


def test_metrics_tell_of_messages_and_tries(shared_server: Server) -> None:
    with shared_server.client() as anybody:
        said = anybody.get("/metrics").text
    assert 'segfleet_webhooks{state="waiting"}' in said
    assert "segfleet_webhook_seconds" in said
