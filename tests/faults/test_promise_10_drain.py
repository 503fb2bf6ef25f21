"""Promise 10: a node that is asked to go hands its work back, loses nothing, and gets no more."""

import pytest

from tests.faults.fleet import FEW_S, Fleet
from tests.system.patience import busy

pytestmark = pytest.mark.timeout(600)


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
    assert completed["offered_at"] - released["ended_at"] < busy(FEW_S)
    assert [(step["failures"], step["losses"]) for step in fleet.steps(task_id)] == [(0, 0)]
    after = fleet.submit(fleet.short_id)
    assert fleet.user.ended(after)["state"] == "completed"
    assert [row["node"] for row in fleet.attempts(after)] == [fleet.other(leaving).name]
