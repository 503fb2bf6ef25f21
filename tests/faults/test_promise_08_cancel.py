"""Promise 8: cancel stops the node, by the direct call and, where that is blocked, by callbacks and heartbeats.

`SEGFLEET_TEST_PATIENCE=1 CANCEL_TRIALS=50 pytest -o log_cli=true -o log_cli_level=INFO` on this file holds fifty of
them to the seconds and says how long the worst took.
"""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from tests.faults.fleet import Fleet
from tests.system.nodes import NodeProcess
from tests.system.patience import busy, until
from tests.system.programs import free_port
from tests.system.proxies import DeafProxy

pytestmark = pytest.mark.timeout(900)

log = logging.getLogger(__name__)
TRIALS = int(os.environ.get("CANCEL_TRIALS", "3"))
LIVE = {"offered", "running"}
IDLE_S = 3.0
BLOCKED_S = 6.0


def has_stopped(fleet: Fleet, task_id: str) -> bool:
    return [row["state"] for row in fleet.attempts(task_id)] == ["cancelled"]


def worst(fleet: Fleet, node: NodeProcess) -> float:
    """Cancel in mid-work, so many times: the longest time until the node had stopped and was idle, in seconds."""
    slowest = 0.0
    for _ in range(TRIALS):
        task_id = fleet.submit(fleet.long_id)
        fleet.user.mid_work(task_id)
        began = time.monotonic()
        assert fleet.user.put(f"/tasks/{task_id}/cancel").json()["state"] == "cancelled"
        try:
            until(partial(has_stopped, fleet, task_id), 20, "the node says that it stopped")
        finally:
            log.info("attempts: %s", [(row["node"], row["state"], row["charge"]) for row in fleet.attempts(task_id)])
        until(partial(fleet.is_idle, node), 20, "the node is idle")
        slowest = max(slowest, time.monotonic() - began)
        assert [(row["state"], row["charge"]) for row in fleet.attempts(task_id)] == [("cancelled", None)]
    log.info("from cancel to idle, the worst of %d trials: %.2f s", TRIALS, slowest)
    return slowest


def test_a_cancelled_task_frees_its_node_within_three_seconds(fleet: Fleet) -> None:
    node, racer = fleet.nodes
    with fleet.away(racer):
        assert worst(fleet, node) < busy(IDLE_S)


@contextmanager
def unreachable_for_cancel(fleet: Fleet) -> Iterator[tuple[NodeProcess, DeafProxy]]:
    """The only node that runs; the coordinator reaches it with everything but DELETE."""
    for node in fleet.nodes:
        node.program.terminate()
    port = free_port()
    with DeafProxy(port, frozenset({"DELETE"})) as proxy:
        keys = {"NODE_PORT": str(port)} | ({"NODE_ADDRESS": proxy.url} if fleet.push else {})
        with fleet.node("node-behind", None, None, **keys) as node:
            node.online(fleet.admin)
            yield node, proxy


def test_with_the_direct_call_blocked_a_cancel_still_frees_the_node_within_six_seconds(fleet: Fleet) -> None:
    with unreachable_for_cancel(fleet) as (node, proxy):
        assert worst(fleet, node) < busy(BLOCKED_S)
        assert bool(proxy.swallowed) == fleet.push


def test_a_cancel_stops_every_segment_on_every_node_within_three_seconds(segmented: Fleet) -> None:
    task_id = segmented.submit(segmented.long_id)

    def both_work() -> bool:
        assert segmented.user.task(task_id)["state"] != "completed", "it ended before both nodes were seen at it"
        return len({row["node"] for row in segmented.attempts(task_id) if row["state"] in LIVE}) == 2

    until(both_work, 60, "both nodes work on it")
    began = time.monotonic()
    assert segmented.user.put(f"/tasks/{task_id}/cancel").json()["state"] == "cancelled"
    for node in segmented.nodes:
        until(partial(segmented.is_idle, node), 20, "the node is idle")
    assert time.monotonic() - began < busy(IDLE_S)
    assert not {*LIVE, "stopping"} & {row["state"] for row in segmented.attempts(task_id)}
