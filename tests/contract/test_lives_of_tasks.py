"""What users do to tasks, in every order that people find: again, too late, at the same time."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.contract.conftest import Json, Start
from tests.contract.third_party import ThirdParty, problem
from tests.system.coordinator import Client, Coordinator
from tests.system.patience import until


def done(node: ThirdParty, work: Json, data: bytes) -> None:
    """Send the result and say so."""
    node.put(work, data).raise_for_status()
    node.complete(work, data).raise_for_status()


def has_ended(coordinator: Coordinator, attempt_id: str) -> bool:
    """Whether an attempt neither runs nor waits for anybody."""
    return coordinator.rows("SELECT state FROM attempts WHERE id = ?", attempt_id)[0]["state"] in {
        "completed",
        "cancelled",
    }


def test_a_task_is_made_step_by_step(user: Client, node: ThirdParty, video: Json) -> None:
    task = user.post("/tasks", json={"model": node.model}).json()
    path = f"/tasks/{task['id']}"
    assert (task["state"], task["kind"], task["results"]) == ("idle", "video", {})
    assert problem(user.put(f"{path}/submit")) == (409, "wrong_state")
    assert user.put(f"{path}/source", json={"video_id": video["id"]}).json()["state"] == "source_selected"
    color = {"background": {"kind": "color", "color": "#123456"}}
    assert user.put(f"{path}/options", json=color).json()["state"] == "ready"
    assert problem(user.put(f"{path}/pause")) == (409, "wrong_state")
    submitted = user.put(f"{path}/submit").json()
    assert (submitted["state"], submitted["frames_total"], submitted["queue_position"]) == ("waiting", 24, 1)
    assert user.put(f"{path}/submit").json()["state"] == "waiting"
    assert problem(user.put(f"{path}/options", json=color)) == (409, "wrong_state")
    assert user.put(f"{path}/cancel").json()["state"] == "cancelled"
    assert user.put(f"{path}/cancel").json()["state"] == "cancelled"
    assert user.put(f"{path}/retry").json()["state"] == "waiting"
    assert user.put(f"{path}/retry").json()["state"] == "waiting"
    user.put(f"{path}/cancel")
    assert user.put(f"{path}/reset").json()["state"] == "idle"
    assert user.get(f"{path}/steps").json()["items"] == []
    kinds = [item["kind"] for item in user.get(f"{path}/events").json()["items"]]
    assert kinds[:4] == ["created", "source_selected", "ready", "waiting"]
    user.delete(path)


def test_removing_an_ended_task_removes_its_files_and_its_rows(
    coordinator: Coordinator, user: Client, node: ThirdParty, start: Start, clip: Path
) -> None:
    before = coordinator.files()
    task_id = start()
    done(node, node.offered(task_id), clip.read_bytes())
    user.ended(task_id)
    assert [path for path in coordinator.files() - before if task_id in path]
    assert user.delete(f"/tasks/{task_id}").status_code == 200
    assert problem(user.get(f"/tasks/{task_id}")) == (404, "not_found")
    until(lambda: coordinator.files() == before, 10, "its files are gone")
    for table in ("steps", "attempts", "artifacts", "results"):
        assert coordinator.rows(f"SELECT * FROM {table} WHERE task_id = ?", task_id) == []


@pytest.mark.parametrize("then", ["delete", "reset"])
def test_a_node_that_still_works_for_a_task_that_is_gone_is_told_so(
    coordinator: Coordinator, user: Client, node: ThirdParty, start: Start, clip: Path, then: str
) -> None:
    work = node.offered(start())
    node.report(work)
    node.put(work, clip.read_bytes()[:1000], total=len(clip.read_bytes()))
    user.put(f"/tasks/{work['task_id']}/cancel")
    if then == "delete":
        assert user.delete(f"/tasks/{work['task_id']}").status_code == 200
    else:
        assert user.put(f"/tasks/{work['task_id']}/reset").json()["state"] == "idle"
    said = node.report(work, frames_done=5)
    assert said.status_code == 410 or said.json() == {"command": "cancel"}
    last = node.report(work, "cancelled")
    assert last.status_code == 410 or last.json() == {"command": "cancel"}
    assert problem(node.put(work, b"x", offset=1000, total=len(clip.read_bytes()))) == (410, "gone")
    until(lambda: not [path for path in coordinator.files() if work["task_id"] in path], 10, "its files are gone")
    slots = coordinator.rows(
        "SELECT id FROM attempts WHERE id = ? AND state IN ('offered', 'running', 'stopping')", work["attempt_id"]
    )
    assert slots == []


def test_a_result_that_comes_in_the_moment_of_a_cancel_is_kept_or_dropped_but_never_half(
    coordinator: Coordinator, user: Client, node: ThirdParty, start: Start, clip: Path
) -> None:
    data = clip.read_bytes()
    for _ in range(6):
        work = node.offered(start())
        node.report(work)
        node.put(work, data)
        with ThreadPoolExecutor(2) as pool:
            said = pool.submit(node.complete, work, data)
            cancelled = pool.submit(user.put, f"/tasks/{work['task_id']}/cancel")
        assert said.result().status_code == 200
        assert cancelled.result().status_code in {200, 409}
        if said.result().json() == {"command": "cancel"}:
            assert user.task(work["task_id"])["state"] == "cancelled"
        task = user.ended(work["task_id"])
        if task["state"] == "cancelled":
            until(partial(has_ended, coordinator, work["attempt_id"]), 10, "the attempt has ended")
            assert user.put(f"/tasks/{work['task_id']}/retry").status_code == 200
            if user.task(work["task_id"])["state"] != "completed":
                again = node.offered(work["task_id"])
                done(node, again, data)
        assert user.ended(work["task_id"])["state"] == "completed"
        completed = coordinator.rows(
            "SELECT id FROM attempts WHERE task_id = ? AND state = 'completed'", work["task_id"]
        )
        assert len(completed) == 1


def test_many_hands_on_one_task_find_it_in_a_state_that_it_can_be_in(
    coordinator: Coordinator, user: Client, node: ThirdParty, start: Start
) -> None:
    task_id = start()
    verbs = ["pause", "resume", "cancel", "retry", "submit", "reset", "priority"] * 6

    def put(verb: str) -> int:
        return user.put(f"/tasks/{task_id}/{verb}", json={"priority": 1} if verb == "priority" else None).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(put, verbs)) <= {200, 409}
    state = user.task(task_id)["state"]
    live = coordinator.rows("SELECT id FROM attempts WHERE task_id = ? AND state IN ('offered', 'running')", task_id)
    assert state in {"idle", "cancelled", "paused", "waiting"}
    assert not live or state == "waiting"


def test_a_paused_task_is_offered_to_nobody_and_keeps_its_place(user: Client, node: ThirdParty, start: Start) -> None:
    first, second = start(), start()
    assert user.put(f"/tasks/{first}/pause").json()["state"] == "paused"
    assert node.offered(second)["task_id"] == second
    assert user.put(f"/tasks/{first}/resume").json()["state"] == "waiting"


def test_a_source_that_was_removed_cannot_be_worked_on_again(user: Client, node: ThirdParty, clip: Path) -> None:
    own = user.upload(clip)
    task_id = user.submit(own["id"], model=node.model)
    assert problem(user.delete(f"/videos/{own['id']}")) == (409, "in_use")
    user.put(f"/tasks/{task_id}/cancel")
    assert user.delete(f"/videos/{own['id']}").status_code == 204
    assert problem(user.put(f"/tasks/{task_id}/retry")) == (409, "source_gone")
    assert user.task(task_id)["state"] == "cancelled"
