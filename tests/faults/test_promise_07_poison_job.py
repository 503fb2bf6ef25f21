"""Promise 7: a job that fails everywhere is to blame itself, and no node is."""

from contextlib import ExitStack

import pytest

from tests import clips
from tests.faults.by_hand import HandNode, failing
from tests.faults.fleet import Fleet
from tests.faults.lonely import Lonely
from tests.system.nodes import MODEL
from tests.system.patience import until

pytestmark = pytest.mark.timeout(600)

NODES, TASKS = 5, 6
IDLE_S = 3.0


@pytest.mark.parametrize(("error_class", "tries"), [("input", 2), ("internal", 3)])
def test_poison_against_five_nodes_leaves_all_of_them_healthy(lonely: Lonely, error_class: str, tries: int) -> None:
    behave = failing(error_class, "broken_media", "The file ends in the middle of a frame")
    with ExitStack() as stack:
        nodes = [stack.enter_context(HandNode(lonely.coordinator.url, error_class, behave)) for _ in range(NODES)]
        tasks = [lonely.submit(error_class) for _ in range(TASKS)]
        for key in tasks:
            task = lonely.user.ended(key)
            assert (task["state"], task["error"]["code"]) == ("failed", "broken_media")
            assert task["error"]["detail"] == "The file ends in the middle of a frame"
            tried = [node for node, _, _ in lonely.attempts(key)]
            assert len(tried) == tries
            assert len(set(tried)) == tries
    assert {lonely.admission(node.id) for node in nodes} == {"approved"}


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
