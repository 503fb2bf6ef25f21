"""Promise 4: a coordinator that stood still doubts itself first and takes no live work away."""

import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests import clips
from tests.faults.by_hand import HandNode, working
from tests.faults.fleet import Fleet
from tests.faults.lonely import Lonely, coordinator
from tests.system.patience import LEASE_S, until

pytestmark = pytest.mark.timeout(200)

LEASES = 20


def test_a_coordinator_that_stood_still_for_twenty_leases_takes_no_work_away(tmp_path: Path) -> None:
    with coordinator(tmp_path) as running, running.account("somebody") as user, running.administrator() as admin:
        here = Lonely(running, user, admin, clips.write(tmp_path / "clip.mp4"))
        with ExitStack() as stack:
            work = working((LEASES + 4) * LEASE_S, here.clip)
            nodes = [stack.enter_context(HandNode(running.url, "red", work)) for _ in range(3)]
            tasks = [here.submit("red") for _ in nodes]
            until(lambda: all(user.task(key)["state"] == "processing" for key in tasks), 20, "all three are worked on")
            running.program.freeze()
            _nobody_answers(running.url, LEASES * LEASE_S)
            running.program.thaw()
            assert {user.ended(key, 60)["state"] for key in tasks} == {"completed"}
    assert [len(node.got) for node in nodes] == [1, 1, 1]
    for key in tasks:
        assert [(state, charge) for _, state, charge in here.attempts(key)] == [("completed", None)]


def _nobody_answers(url: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with pytest.raises(httpx.TimeoutException):
            httpx.get(f"{url}/api/v1/health", timeout=1.0)


def test_a_coordinator_that_stood_still_for_some_leases_is_found_again_by_real_nodes(fleet: Fleet) -> None:
    with fleet.away(fleet.nodes[1]):
        task_id = fleet.submit(fleet.long_id)
        fleet.user.mid_work(task_id)
        fleet.coordinator.program.freeze()
        _nobody_answers(fleet.coordinator.url, 3 * LEASE_S)
        fleet.coordinator.program.thaw()
        assert fleet.user.ended(task_id)["state"] == "completed"
    assert [(row["state"], row["charge"]) for row in fleet.attempts(task_id)] == [("completed", None)]
