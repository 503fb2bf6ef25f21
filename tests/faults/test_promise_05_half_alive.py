"""Promise 5: a node that beats and does nothing, or does nothing at all, costs the step that it held and no other."""

import pytest

from tests.faults.by_hand import HandNode, completing, hung
from tests.faults.fleet import Fleet
from tests.faults.lonely import SLACK_S, STALL_S, Lonely
from tests.system.patience import until

pytestmark = pytest.mark.timeout(600)


def test_work_that_hangs_in_a_node_that_beats_is_given_to_another(lonely: Lonely) -> None:
    url = lonely.coordinator.url
    tasks: list[str] = []

    def hang(node: HandNode, work: dict[str, object]) -> None:
        node.report(work, stage="process", frames_done=1, frames_total=24)
        with hung(node, work):
            until(lambda: len(lonely.attempts(tasks[0])) > 1, STALL_S + SLACK_S, "somebody else got it")

    with HandNode(url, "hung", hang) as stuck:
        tasks.append(lonely.submit("hung"))
        until(lambda: stuck.got, 20, "the node has the step")
        with HandNode(url, "hung", completing(lonely.clip)) as sound:
            assert lonely.user.ended(tasks[0])["state"] == "completed"
    assert lonely.attempts(tasks[0]) == [(stuck.id, "failed", "failure"), (sound.id, "completed", None)]
    assert lonely.admission(stuck.id) == "approved"


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
