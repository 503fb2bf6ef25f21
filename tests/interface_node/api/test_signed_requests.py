"""Only the coordinator gives orders, each for one route, and only lately signed."""

import json
from pathlib import Path

import httpx
import pytest

from tests.fakes.coordinator import FakeCoordinator
from tests.fakes.running_node import RunningNode
from tests.fakes.work import CopyWork


def code_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and problem code."""
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def test_unsigned_requests_are_turned_away(coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path) -> None:
    with RunningNode(tmp_path, coordinator.url, work) as node:
        coordinator.beats(1)
        body = coordinator.assignment(b"picture").model_dump_json()
        assert code_of(httpx.post(f"{node.url}/process", content=body)) == (401, "bad_signature")
        assert code_of(httpx.delete(f"{node.url}/process/a_1")) == (401, "bad_signature")
    assert work.orders == []


def test_a_signature_is_good_for_its_route_its_secret_and_its_time_only(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    with RunningNode(tmp_path, coordinator.url, work) as node:
        coordinator.beats(1)
        body = coordinator.assignment(b"picture").model_dump_json().encode()
        elsewhere = coordinator.call("POST", node.url, "/process", body, signed_path="/process/a_1")
        stranger = coordinator.call("POST", node.url, "/process", body, secret="another secret")
        old = coordinator.call("POST", node.url, "/process", body, ago_s=301)
        changed = coordinator.call("DELETE", node.url, "/process/a_1?x=1", b"", signed_path="/process/a_1")
        assert code_of(elsewhere) == code_of(stranger) == code_of(changed) == (401, "bad_signature")
        assert code_of(old) == (401, "clock_skew")
        assert old.json()["params"]["server_time"] == pytest.approx(coordinator.now(), abs=30)
    assert work.orders == []


def test_bodies_are_bounded_and_parsed_with_words(coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path) -> None:
    with RunningNode(tmp_path, coordinator.url, work) as node:
        coordinator.beats(1)
        whole = json.loads(coordinator.assignment(b"picture").model_dump_json())
        crooked = json.dumps({**whole, "lease_s": -1}).encode()
        newer = json.dumps({**whole, "a_field_of_tomorrow": 1}).encode()
        hostile = json.dumps({**whole, "attempt_id": "../../escape"}).encode()
        assert code_of(coordinator.call("POST", node.url, "/process", b"x" * 1_048_577)) == (413, "too_large")
        assert code_of(coordinator.call("POST", node.url, "/process", b"{")) == (400, "broken_json")
        wrong = coordinator.call("POST", node.url, "/process", crooked)
        assert code_of(wrong) == (422, "invalid_request")
        assert wrong.json()["errors"][0]["pointer"] == "/lease_s"
        assert code_of(coordinator.call("POST", node.url, "/process", hostile)) == (422, "invalid_request")
        assert coordinator.call("POST", node.url, "/process", newer).status_code == 202


def test_a_node_that_never_joined_trusts_nobody(coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path) -> None:
    coordinator.faults.broken["register"] = 1_000_000
    with RunningNode(tmp_path, coordinator.url, work) as node:
        assert code_of(httpx.post(f"{node.url}/process", content=b"{}")) == (401, "bad_signature")
        assert code_of(node.get("/identity?nonce=0123456789")) == (404, "not_found")
        assert node.get("/health").json()["joined"] is False


def test_health_and_metrics_tell_what_runs(coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path) -> None:
    work.hold()
    with RunningNode(tmp_path, coordinator.url, work) as node:
        assignment = coordinator.offer(coordinator.assignment(b"picture"))
        coordinator.until(lambda: work.orders)
        health = node.get("/health")
        assert health.status_code == 200
        assert health.json()["status"] == "healthy"
        assert health.json()["provider"] == "CopyProvider"
        assert [one["attempt_id"] for one in health.json()["running"]] == [assignment.attempt_id]
        assert "segfleet_node_running_attempts 1.0" in node.get("/metrics").text
        work.let_go()
        coordinator.end_of(assignment)
        coordinator.until(lambda: not node.node.held())
        text = node.get("/metrics").text
        assert 'segfleet_node_attempts_total{outcome="completed"} 1.0' in text
        assert "segfleet_node_frames_total 10.0" in text


def test_unknown_routes_and_bad_queries_answer_with_problems(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    with RunningNode(tmp_path, coordinator.url, work) as node:
        coordinator.beats(1)
        assert code_of(node.get("/nothing")) == (404, "not_found")
        assert code_of(node.get("/process")) == (405, "method_not_allowed")
        assert code_of(node.get("/identity?nonce=x")) == (422, "invalid_request")
