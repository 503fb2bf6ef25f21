"""kill -9 in mid-task: of a node, of the coordinator. The task completes by itself, once."""

import psutil
import pytest

from tests import independent_reader
from tests.faults.fleet import FEW_S, LEASE_S, Fleet
from tests.system.patience import until

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
    assert completed["offered_at"] - at < LEASE_S + FEW_S
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
