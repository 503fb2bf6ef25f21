"""Health, readiness, figures, the lists behind the first curl lines, and a node of about a hundred lines."""

import os
import re
import subprocess
import sys
import uuid
from pathlib import Path

from tests.contract.conftest import Json, Start
from tests.contract.third_party import ThirdParty, problem
from tests.system.coordinator import CLUSTER, Client, Coordinator
from tests.system.programs import ROOT


def test_health_and_readiness_need_no_login(nobody: Client) -> None:
    assert nobody.get("/health").json() == {"status": "ok"}
    assert nobody.get("/ready").json() == {"status": "ready"}


def test_the_first_curl_lines_work_as_written(
    coordinator: Coordinator, admin: Client, node: ThirdParty, start: Start
) -> None:
    task_id = start()
    base = f"{coordinator.url}/api/tasks/admin"
    pending = admin.get(f"{base}/pending").json()["items"]
    assert pending[-1]["id"] == task_id
    assert {item["state"] for item in pending} == {"waiting"}
    interfaces = admin.get(f"{base}/interfaces").json()["items"]
    assert f"third party {node.model}" in [item["name"] for item in interfaces]
    listed = admin.get("/admin/tasks", params={"state": "waiting"}).json()["items"]
    assert task_id in [item["id"] for item in listed]


def test_figures_count_what_happens(user: Client, start: Start) -> None:
    before = user.get("/stats").json()
    start()
    after = user.get("/stats").json()
    assert after["tasks"]["waiting"] == before["tasks"].get("waiting", 0) + 1
    assert after["queue"]["waiting_tasks"] == before["queue"]["waiting_tasks"] + 1
    assert after["interfaces"]["online"] >= 1
    text = user.get("/metrics").text
    for name in ("request_seconds", "task_seconds_last_hour", "queue_steps", "tasks", "interfaces", "errors_total"):
        assert f"# TYPE segfleet_{name.removesuffix('_total')}" in text, name
    assert f'segfleet_tasks{{state="waiting"}} {float(after["tasks"]["waiting"])}' in text
    assert '/tasks"' in text
    assert video_id(text) is None


def video_id(text: str) -> str | None:
    """The first opaque id in a text, of which metrics must have none: each would be a series of its own."""
    found = re.search(r"\b01[0-9a-z]{24}\b", text)
    return found and found[0]


def test_models_show_who_offers_them(user: Client, node: ThirdParty) -> None:
    items = {item["name"]: item for item in user.get("/models").json()["items"]}
    assert items[node.model]["online"]
    assert items["selfie"]["default"]


def test_every_problem_code_is_on_its_page_and_in_the_description(nobody: Client, coordinator: Coordinator) -> None:
    codes = {item["code"] for item in nobody.get("/problems").json()["items"]}
    assert {"gone", "not_a_video", "wrong_state", "bad_signature"} <= codes
    described = nobody.get(f"{coordinator.url}/openapi.json").json()
    names = [operation.get("operationId") for path in described["paths"].values() for operation in path.values()]
    assert "tasks_pause" in names
    assert len(names) == len(set(names))


def test_the_example_node_completes_a_task(
    coordinator: Coordinator, user: Client, clip: Path, video: Json, tmp_path: Path
) -> None:
    example = user.submit(video["id"])
    environment = {**os.environ, "COORDINATOR_URL": coordinator.url, "INTERFACE_IDENTIFICATION": CLUSTER}
    program = [sys.executable, str(ROOT / "scripts" / "example_interface_client.py")]
    with subprocess.Popen(program, env=environment, cwd=tmp_path) as process:
        try:
            task = user.ended(example)
            step = user.get(f"/tasks/{example}/steps").json()["items"][0]
        finally:
            process.kill()
    assert (task["state"], task["frames_done"]) == ("completed", 24)
    assert (step["node"], step["provider"] or "identity") == ("example", "identity")
    assert user.get(task["results"]["composite"]["url"]).content == clip.read_bytes()


def test_request_ids_are_answered_and_never_trusted(nobody: Client) -> None:
    given = uuid.uuid4().hex
    assert nobody.get("/health", headers={"X-Request-ID": given}).headers["x-request-id"]
    wild = nobody.get("/health", headers={"X-Request-ID": "x" * 4000}).headers["x-request-id"]
    assert len(wild) <= 64
    assert problem(nobody.get("/tasks"))[0] == 401
