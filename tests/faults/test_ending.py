"""Programs that stop without dying: frozen, asked to end, or killed again and again."""

import time

import httpx
import pytest

from tests.faults.fleet import FEW_S, LEASE_S, Fleet
from tests.system.patience import until

pytestmark = pytest.mark.timeout(600)


def test_a_frozen_node_loses_its_task_and_wakes_up_to_an_attempt_that_is_over(fleet: Fleet) -> None:
    task_id = fleet.submit(fleet.long_id)
    fleet.user.mid_work(task_id)
    frozen = fleet.worker(task_id)
    frozen.program.freeze()
    assert fleet.user.ended(task_id)["state"] == "completed"
    frozen.program.thaw()
    lost, completed = fleet.attempts(task_id)
    assert (lost["node"], lost["state"]) == (frozen.name, "lost")
    assert completed["node"] == fleet.other(frozen).name
    until(lambda: fleet.is_idle(frozen), 20, "the node that woke up is idle")
    fleet.has_one_result(task_id)
    assert [row["id"] for row in fleet.attempts(task_id)] == [lost["id"], completed["id"]]


def test_a_coordinator_that_stood_still_longer_than_the_lease_takes_no_work_away(fleet: Fleet) -> None:
    task_id = fleet.submit(fleet.long_id)
    fleet.user.mid_work(task_id)
    fleet.coordinator.program.freeze()
    end = time.monotonic() + 2 * LEASE_S

    def nobody_answers() -> bool:
        try:
            httpx.get(f"{fleet.coordinator.url}/api/v1/health", timeout=0.3)
        except httpx.TimeoutException:
            return time.monotonic() > end
        raise AssertionError("a frozen coordinator answered")

    until(nobody_answers, 4 * LEASE_S, "two leases have gone by")
    fleet.coordinator.program.thaw()
    assert fleet.user.ended(task_id)["state"] == "completed"
    assert [(row["state"], row["charge"]) for row in fleet.attempts(task_id)] == [("completed", None)]


def test_a_coordinator_that_is_asked_to_end_ends_soon_and_its_nodes_work_on(fleet: Fleet) -> None:
    task_id = fleet.submit(fleet.long_id)
    fleet.user.mid_work(task_id)
    began = time.monotonic()
    assert fleet.coordinator.program.terminate() == 0
    assert time.monotonic() - began < FEW_S
    fleet.coordinator.start()
    assert fleet.user.ended(task_id)["state"] == "completed"
    assert [row["state"] for row in fleet.attempts(task_id)] == ["completed"]
    fleet.has_one_result(task_id)


def test_whatever_is_killed_in_between_every_task_completes_once(fleet: Fleet) -> None:
    tasks = [fleet.submit(fleet.short_id) for _ in range(4)]
    programs = [fleet.coordinator.program, fleet.nodes[0].program, fleet.nodes[1].program, fleet.coordinator.program]
    for program in programs:
        until(lambda: fleet.is_working(tasks), 30, "a task is being worked on")
        program.kill()
        if program is fleet.coordinator.program:
            fleet.coordinator.start()
        else:
            program.start()
    assert {fleet.user.ended(task_id, 90)["state"] for task_id in tasks} == {"completed"}
    for task_id in tasks:
        fleet.has_one_result(task_id)
        assert fleet.steps(task_id)[0]["failures"] == 0
    kept = {path.split("/")[3] for path in fleet.coordinator.files() if path.split("/")[1] in tasks}
    winners = {fleet.steps(task_id)[0]["winner"] for task_id in tasks}
    assert winners <= kept
