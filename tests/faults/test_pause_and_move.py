"""A video of many segments: both nodes work on it, and what is finished stays so through pause, deaths and a move."""

from functools import partial

import pytest

from tests import independent_reader
from tests.faults.fleet import Fleet
from tests.system.nodes import NodeProcess
from tests.system.patience import until

pytestmark = pytest.mark.timeout(600)

IDLE_S = 3.0


def done(fleet: Fleet, task_id: str) -> dict[str, str]:
    """The finished segments and who won them."""
    rows = fleet.steps(task_id)
    return {row["id"]: row["winner"] for row in rows if row["kind"] == "segment" and row["winner"]}


def is_gone(fleet: Fleet, node: NodeProcess) -> bool:
    row = node.row(fleet.admin)
    return row is not None and row["state"] == "offline"


def is_whole(fleet: Fleet, task_id: str) -> None:
    """Every step was won by one completed attempt, and the joined file shows every frame when the source does."""
    task = fleet.user.task(task_id)
    assert (task["state"], task["progress"], task["frames_done"]) == ("completed", 100, task["frames_total"])
    steps = fleet.steps(task_id)
    assert [row["kind"] for row in steps].count("assemble") == 1
    completed = {row["id"] for row in fleet.attempts(task_id) if row["state"] == "completed"}
    assert completed == {row["winner"] for row in steps}
    composite, source = (independent_reader.frame_times(path) for path in (fleet.download(task), fleet.long))
    assert composite.times == source.times
    assert composite.complaints == []


def test_both_nodes_work_on_one_video_and_it_is_joined_whole(segmented: Fleet) -> None:
    task_id = segmented.submit(segmented.long_id)
    seen: list[float] = []

    def ended() -> bool:
        task = segmented.user.task(task_id)
        assert task["state"] in {"waiting", "processing", "completed"}, task
        assert (task["progress"] == 100) == (task["state"] == "completed")
        seen.append(task["progress"])
        return bool(task["state"] == "completed")

    until(ended, 120, "it completes")
    assert seen == sorted(seen)
    is_whole(segmented, task_id)
    winners = set(done(segmented, task_id).values())
    assert len(winners) >= 4
    rows = [row for row in segmented.attempts(task_id) if row["id"] in winners]
    assert {row["node"] for row in rows} == {node.name for node in segmented.nodes}


def test_a_task_that_is_paused_at_half_moves_to_a_third_node_and_redoes_at_most_a_segment_a_node(
    segmented: Fleet,
) -> None:
    fleet = segmented
    task_id = fleet.submit(fleet.long_id)
    total = fleet.user.task(task_id)["frames_total"]
    until(lambda: fleet.user.task(task_id)["frames_done"] >= total / 2, 120, "half is done")
    assert fleet.user.put(f"/tasks/{task_id}/pause").json()["state"] == "paused"
    for node in fleet.nodes:
        until(partial(fleet.is_idle, node), IDLE_S, "the node is idle")
    until(lambda: not [row for row in fleet.attempts(task_id) if row["state"] == "reported"], 20, "all is verified")
    kept = done(fleet, task_id)
    assert kept
    for node in fleet.nodes:
        node.program.kill()
    for node in fleet.nodes:
        until(partial(is_gone, fleet, node), 20, "its death is noticed, so that it is offered nothing")
    with fleet.node("node-third") as third:
        third.online(fleet.admin)
        assert fleet.user.put(f"/tasks/{task_id}/resume").json()["state"] == "waiting"
        assert fleet.user.ended(task_id, 120)["state"] == "completed"
        assert third.program.terminate() == 0
    is_whole(fleet, task_id)
    assert kept.items() <= done(fleet, task_id).items()
    longest = max(row["frames"] for row in fleet.steps(task_id))
    for node in fleet.nodes:
        lost = [row for row in fleet.attempts(task_id) if row["node"] == node.name and row["state"] != "completed"]
        assert sum(row["frames_done"] for row in lost) <= longest
    assert {row["charge"] for row in fleet.attempts(task_id)} == {None}
