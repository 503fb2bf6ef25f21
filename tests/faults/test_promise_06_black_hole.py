"""Promise 6: a node that fails everything at once is quarantined before it eats the queue."""

from contextlib import ExitStack

import pytest

from tests.faults.by_hand import HandNode, completing, failing
from tests.faults.lonely import Lonely
from tests.system.patience import until

pytestmark = pytest.mark.timeout(200)

TASKS = 12


def test_a_black_hole_among_three_touches_three_steps_at_most_and_loses_none(lonely: Lonely) -> None:
    url = lonely.coordinator.url
    with ExitStack() as stack:
        good = [stack.enter_context(HandNode(url, "hole", completing(lonely.clip))) for _ in range(2)]
        hole = stack.enter_context(HandNode(url, "hole", failing("node")))
        tasks = [lonely.submit("hole") for _ in range(TASKS)]
        ended = [lonely.user.ended(key)["state"] for key in tasks]
        more = 0
        while lonely.admission(hole.id) != "quarantined":
            more += 1
            assert more < TASKS, "it failed three steps and is believed"
            tasks.append(lonely.submit("hole"))
            ended.append(lonely.user.ended(tasks[-1])["state"])
    assert set(ended) == {"completed"}
    assert len({work["step_id"] for work in hole.got}) == 3
    assert {lonely.admission(node.id) for node in good} == {"approved"}
    charged = [charge for key in tasks for _, _, charge in lonely.attempts(key) if charge]
    assert charged == ["failure"] * len(hole.got)


def test_an_administrator_lets_a_quarantined_node_work_again_at_once(lonely: Lonely) -> None:
    with HandNode(lonely.coordinator.url, "mended", failing("resources", "out_of_memory")) as node:
        tasks = [lonely.submit("mended") for _ in range(3)]
        until(lambda: lonely.admission(node.id) == "quarantined", 20, "three steps failed")
        node.become(completing(lonely.clip))
        assert lonely.admin.put(f"/admin/interfaces/{node.id}/approve").json()["admission"] == "approved"
        assert {lonely.user.ended(key)["state"] for key in tasks} == {"completed"}
