"""Promise 1: what a zombie says and sends changes nothing, however late it comes."""

import pytest

from tests import independent_reader
from tests.contract.third_party import ThirdParty, problem
from tests.faults.fleet import FEW_S, Fleet
from tests.system.patience import LEASE_S, until

pytestmark = pytest.mark.timeout(600)

TABLES = ("tasks", "steps", "attempts", "artifacts", "results", "events")


def ledger(fleet: Fleet, task_id: str) -> dict[str, list[dict[str, object]]]:
    """Every row about a task."""
    column = {"tasks": "id"}
    return {
        table: fleet.coordinator.rows(f"SELECT * FROM {table} WHERE {column.get(table, 'task_id')} = ?", task_id)
        for table in TABLES
    }


def live(fleet: Fleet, task_id: str) -> set[str]:
    """States of attempts that are not over."""
    return {"offered", "running", "reported", "stopping"} & {row["state"] for row in fleet.attempts(task_id)}


def files(fleet: Fleet, task_id: str) -> set[str]:
    return {path for path in fleet.coordinator.files() if task_id in path}


def test_a_node_frozen_past_its_lease_wakes_up_and_changes_nothing(fleet: Fleet) -> None:
    zombie, other = fleet.nodes
    with fleet.away(other):
        task_id = fleet.submit(fleet.long_id)
        fleet.user.mid_work(task_id)
        zombie.program.freeze()
        until(lambda: not live(fleet, task_id), LEASE_S + FEW_S, "the zombie's lease has ended")
    task = fleet.user.ended(task_id)
    assert task["state"] == "completed"
    ends = {(row["node"], row["state"]) for row in fleet.attempts(task_id)}
    assert ends == {(zombie.name, "lost"), (other.name, "completed")}
    rows, kept = ledger(fleet, task_id), files(fleet, task_id)
    composite = fleet.download(task).read_bytes()
    zombie.program.thaw()
    until(lambda: fleet.is_idle(zombie), 20, "the zombie has given up")
    assert ledger(fleet, task_id) == rows
    assert files(fleet, task_id) <= kept
    assert fleet.download(task).read_bytes() == composite
    again = fleet.download(fleet.user.task(task_id))
    assert independent_reader.frame_times(again).times == independent_reader.frame_times(fleet.long).times
    fleet.has_one_result(task_id)


def test_the_late_words_and_bytes_of_a_lost_attempt_are_answered_with_gone(fleet: Fleet) -> None:
    zombie, other = ThirdParty(fleet.coordinator.url), ThirdParty(fleet.coordinator.url)
    other.model = zombie.model
    zombie.join()
    data = fleet.short.read_bytes()
    task_id = fleet.user.submit(fleet.short_id, model=zombie.model)
    work = zombie.offered(task_id)
    half = len(data) // 2
    zombie.report(work, stage="process", frames_done=1, frames_total=10)
    assert zombie.put(work, data[:half], total=len(data)).status_code == 200
    until(lambda: fleet.attempts(task_id)[0]["state"] == "lost", 3 * LEASE_S + FEW_S, "the lease ends")
    other.join()
    again = other.offered(task_id)
    other.report(again, stage="process", frames_done=1, frames_total=10)
    rows, kept = ledger(fleet, task_id), files(fleet, task_id)
    bearer = {"Authorization": f"Bearer {work['attempt_token']}"}
    assert problem(zombie.put(work, data[half:], offset=half, total=len(data))) == (410, "gone")
    assert problem(zombie.http.get(work["source"]["url"], headers=bearer)) == (410, "gone")
    assert problem(zombie.report(work, stage="process", frames_done=9, frames_total=10)) == (410, "gone")
    assert problem(zombie.complete(work, data)) == (410, "gone")
    assert problem(zombie.report(work, "failed", error={"code": "x", "error_class": "input"})) == (410, "gone")
    assert ledger(fleet, task_id) == rows
    assert files(fleet, task_id) <= kept
    assert other.put(again, data).status_code == 200
    assert other.complete(again, data).json() == {"command": "continue"}
    assert fleet.user.ended(task_id)["state"] == "completed"
    fleet.has_one_result(task_id)
    for party in (zombie, other):
        party.post("/api/v1/interfaces/leave", {"interface_id": party.interface_id, "boot_id": party.boot_id})
        party.http.close()
