"""Promise 2: a lease is short and renewed, so that long work runs once."""

import pytest

from tests.faults.by_hand import HandNode, working
from tests.faults.lonely import Lonely
from tests.system.patience import LEASE_S

pytestmark = pytest.mark.timeout(200)

LEASES = 50


def test_a_job_fifty_times_longer_than_the_lease_runs_once(lonely: Lonely) -> None:
    with HandNode(lonely.coordinator.url, "long", working(LEASES * LEASE_S, lonely.clip)) as node:
        task_id = lonely.submit("long")
        assert lonely.user.ended(task_id, 2 * LEASES * LEASE_S)["state"] == "completed"
    assert lonely.attempts(task_id) == [(node.id, "completed", None)]
    assert len(node.got) == 1
    began, reported = lonely.coordinator.rows(
        "SELECT started_at, reported_at FROM attempts WHERE task_id = ?", task_id
    )[0].values()
    assert reported - began >= LEASES * LEASE_S
