"""Programs that are asked to end, or killed again and again."""

import time

import pytest

from tests.faults.fleet import FEW_S, Fleet
from tests.system.patience import busy, until

pytestmark = pytest.mark.timeout(600)


def test_a_coordinator_that_is_asked_to_end_ends_soon_and_its_nodes_work_on(fleet: Fleet) -> None:
    with fleet.away(fleet.nodes[1]):
        task_id = fleet.submit(fleet.long_id)
        fleet.user.mid_work(task_id)
        began = time.monotonic()
        assert fleet.coordinator.program.terminate() == 0
        assert time.monotonic() - began < busy(FEW_S)
        fleet.coordinator.start()
        assert fleet.user.ended(task_id)["state"] == "completed"
    assert [(row["state"], row["charge"]) for row in fleet.attempts(task_id)] == [("completed", None)]
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
