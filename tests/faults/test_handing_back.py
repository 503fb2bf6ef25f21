"""Orders that reach a node in mid-task: SIGTERM, cancel, pause; and a file that breaks there."""

import pytest

from tests import clips
from tests.faults.fleet import FEW_S, Fleet
from tests.system.nodes import MODEL
from tests.system.patience import until

pytestmark = pytest.mark.timeout(600)

IDLE_S = 3.0


def test_sigterm_hands_the_work_back_uncharged_and_the_other_node_completes_it(fleet: Fleet) -> None:
    task_id = fleet.submit(fleet.long_id)
    fleet.user.mid_work(task_id)
    leaving = fleet.worker(task_id)
    assert leaving.program.terminate() == 0
    row = leaving.row(fleet.admin)
    assert row is not None
    assert row["state"] == "offline"
    assert fleet.user.ended(task_id)["state"] == "completed"
    released, completed = fleet.attempts(task_id)
    assert (released["node"], released["state"], released["charge"]) == (leaving.name, "released", None)
    assert (completed["node"], completed["state"]) == (fleet.other(leaving).name, "completed")
    assert completed["offered_at"] - released["ended_at"] < FEW_S
    assert [(step["failures"], step["losses"]) for step in fleet.steps(task_id)] == [(0, 0)]


@pytest.mark.parametrize(("verb", "state"), [("cancel", "cancelled"), ("pause", "paused")])
def test_an_order_to_stop_reaches_the_node_and_frees_it_within_three_seconds(
    fleet: Fleet, verb: str, state: str
) -> None:
    task_id = fleet.submit(fleet.long_id)
    fleet.user.mid_work(task_id)
    worker = fleet.worker(task_id)
    answer = fleet.user.put(f"/tasks/{task_id}/{verb}")
    assert (answer.status_code, answer.json()["state"]) == (200, state)
    until(lambda: fleet.attempts(task_id)[0]["state"] == "cancelled", IDLE_S, "the node says that it stopped")
    until(lambda: fleet.is_idle(worker), IDLE_S, "the node is idle")
    assert fleet.attempts(task_id)[0]["charge"] is None
    assert fleet.user.task(task_id)["state"] == state
    if state == "paused":
        assert fleet.user.put(f"/tasks/{task_id}/resume").json()["state"] in {"waiting", "processing"}
        assert fleet.user.ended(task_id)["state"] == "completed"
        fleet.has_one_result(task_id)


def test_a_file_that_breaks_in_the_middle_fails_on_a_fleet_of_one_and_does_not_wait(fleet: Fleet) -> None:
    fleet.nodes[1].program.terminate()
    broken = clips.broken_in_the_middle(fleet.home / "broken.mp4")
    video = fleet.user.upload(broken)
    task = fleet.user.ended(fleet.user.submit(video["id"], model=MODEL))
    assert task["state"] == "failed"
    assert task["error"]["code"] == "broken_media"
    assert task["error"]["detail"]
    tried = fleet.attempts(task["id"])
    assert {row["node"] for row in tried} == {fleet.nodes[0].name}
    assert [(row["state"], '"error_class": "input"' in row["error"]) for row in tried] == [("failed", True)] * 2
    until(lambda: fleet.is_idle(fleet.nodes[0]), IDLE_S, "the node is idle")
    assert fleet.user.ended(fleet.submit(fleet.short_id))["state"] == "completed"
