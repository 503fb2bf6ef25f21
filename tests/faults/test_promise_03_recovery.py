"""Promise 3: kill -9 in every state, of a node or of the coordinator. The task completes by itself, once."""

import time

import psutil
import pytest

from tests import independent_reader
from tests.contract.third_party import ThirdParty
from tests.faults.by_hand import HandNode, completing
from tests.faults.fleet import FEW_S, Fleet
from tests.faults.lonely import SLACK_S, TICK_S, Lonely
from tests.system.patience import LEASE_S, busy, until

pytestmark = pytest.mark.timeout(600)


def test_a_killed_nodes_task_completes_on_the_other_node_within_the_lease_and_a_little(fleet: Fleet) -> None:
    task_id = fleet.submit(fleet.long_id)
    fleet.user.mid_work(task_id)
    killed = fleet.worker(task_id)
    killed.program.kill()
    at = fleet.clock
    task = fleet.user.ended(task_id)
    lost, completed = fleet.attempts(task_id)
    assert (lost["node"], lost["state"], lost["charge"]) == (killed.name, "lost", "loss")
    assert (completed["node"], completed["state"]) == (fleet.other(killed).name, "completed")
    assert completed["offered_at"] - at < busy(LEASE_S + FEW_S)
    assert task["state"] == "completed"
    fleet.has_one_result(task_id)
    assert fleet.steps(task_id)[0]["losses"] == 1


def test_a_killed_coordinator_loses_nothing_of_a_task_in_mid_work(fleet: Fleet) -> None:
    task_id = fleet.submit(fleet.long_id)
    fleet.user.mid_work(task_id)
    children = psutil.Process(fleet.coordinator.program.pid).children(recursive=True)
    fleet.coordinator.program.kill()
    fleet.coordinator.start()
    task = fleet.user.ended(task_id)
    assert task["state"] == "completed"
    fleet.has_one_result(task_id)
    assert [row["charge"] for row in fleet.attempts(task_id) if row["charge"]] == []
    composite = fleet.download(task)
    assert independent_reader.frame_times(composite).times == independent_reader.frame_times(fleet.long).times
    until(lambda: not any(one.is_running() for one in children), 10, "no child outlives the killed coordinator")


def test_a_coordinator_and_the_working_node_killed_at_once_come_back_to_a_completed_task(fleet: Fleet) -> None:
    task_id = fleet.submit(fleet.long_id)
    fleet.user.mid_work(task_id)
    killed = fleet.worker(task_id)
    killed.program.kill()
    fleet.coordinator.program.kill()
    fleet.coordinator.start()
    assert fleet.user.ended(task_id)["state"] == "completed"
    fleet.has_one_result(task_id)
    lost = [row for row in fleet.attempts(task_id) if row["state"] == "lost"]
    assert [row["node"] for row in lost] == [killed.name]


def test_a_node_that_starts_again_at_once_gives_its_forgotten_task_back_at_once(fleet: Fleet) -> None:
    task_id = fleet.submit(fleet.long_id)
    fleet.user.mid_work(task_id)
    killed = fleet.worker(task_id)
    killed.program.kill()
    killed.program.start()
    assert fleet.user.ended(task_id)["state"] == "completed"
    fleet.has_one_result(task_id)


@pytest.mark.parametrize("state", ["offered", "running", "stopping"])
def test_whatever_a_vanished_node_held_is_free_again_within_the_lease_and_a_tick(lonely: Lonely, state: str) -> None:
    model = f"vanished-{state}"
    gone = ThirdParty(lonely.coordinator.url)
    gone.model = model
    gone.join()
    task_id = lonely.submit(model)
    work = gone.offered(task_id)
    if state != "offered":
        gone.report(work, stage="process", frames_done=1, frames_total=24)
    if state == "stopping":
        assert lonely.user.put(f"/tasks/{task_id}/pause").json()["state"] == "paused"
        assert lonely.user.put(f"/tasks/{task_id}/resume").status_code == 200
    said = time.monotonic()
    gone.http.close()
    over = {"offered": "lost", "running": "lost", "stopping": "cancelled"}[state]
    until(lambda: lonely.attempts(task_id)[0][1] == over, LEASE_S + TICK_S + SLACK_S, f"it was {state} and is {over}")
    assert time.monotonic() - said >= LEASE_S / 2
    with HandNode(lonely.coordinator.url, model, completing(lonely.clip)) as other:
        assert lonely.user.ended(task_id)["state"] == "completed"
    charge = {"lost": "loss", "cancelled": None}[over]
    assert lonely.attempts(task_id) == [(gone.interface_id, over, charge), (other.id, "completed", None)]


def test_bytes_that_were_reported_are_verified_by_the_coordinator_that_starts_after_a_kill(lonely: Lonely) -> None:
    program = lonely.coordinator.program

    def completes_and_kills(node: HandNode, work: dict[str, object]) -> None:
        completing(lonely.clip)(node, work)
        program.kill()

    with HandNode(lonely.coordinator.url, "reported", completes_and_kills) as node:
        task_id = lonely.submit("reported")
        until(lambda: program.exit_code is not None, 20, "the coordinator was killed")
        lonely.coordinator.start()
        assert lonely.user.ended(task_id)["state"] == "completed"
    assert lonely.attempts(task_id) == [(node.id, "completed", None)]
    assert len(node.got) == 1
