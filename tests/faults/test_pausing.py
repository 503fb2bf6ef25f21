"""A pause reaches a node in mid-task; what was begun is begun again after it."""

import pytest

from tests.faults.fleet import Fleet
from tests.system.patience import until

pytestmark = pytest.mark.timeout(600)

IDLE_S = 3.0


def test_a_pause_frees_the_node_within_three_seconds_and_the_resumed_task_completes(fleet: Fleet) -> None:
    task_id = fleet.submit(fleet.long_id)
    fleet.user.mid_work(task_id)
    worker = fleet.worker(task_id)
    answer = fleet.user.put(f"/tasks/{task_id}/pause")
    assert (answer.status_code, answer.json()["state"]) == (200, "paused")
    until(lambda: fleet.attempts(task_id)[0]["state"] == "cancelled", IDLE_S, "the node says that it stopped")
    until(lambda: fleet.is_idle(worker), IDLE_S, "the node is idle")
    assert fleet.attempts(task_id)[0]["charge"] is None
    assert fleet.user.task(task_id)["state"] == "paused"
    assert fleet.user.put(f"/tasks/{task_id}/resume").json()["state"] in {"waiting", "processing"}
    assert fleet.user.ended(task_id)["state"] == "completed"
    fleet.has_one_result(task_id)
