"""The product's node in both lanes and the example node pass the rules, as processes of their own."""

import sys
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.conformance.coordinator import Coordinator
from scripts.conformance.job import Clips
from scripts.conformance.rules import RULES, tried
from scripts.conformance.trial import Bounds, Program, Trial
from tests.system.nodes import tiny_model
from tests.system.programs import ROOT, free_port

pytestmark = pytest.mark.timeout(400)
BOUNDS = Bounds(call_s=8.0, slack_s=2.0, quiet_s=1.5, held_s=4.0)
NEEDS_A_CALL = {"signatures"}
OTHERWISE_BY_POLLS = ["handshake", "signatures", "idempotency", "busy", "cancel", "drain"]
"""Rules that a node in the pull lane keeps in another way."""


def failures(
    words: list[str], environment: dict[str, str], address: str | None, rules: Collection[str] = RULES
) -> list[str]:
    """The lines of the rules that were not kept."""
    with Coordinator("127.0.0.1", 0, lease_s=4.0, heartbeat_s=0.5) as kit:
        joining = {"COORDINATOR_URL": kit.url, "INTERFACE_IDENTIFICATION": kit.cluster, "PYTHONPATH": str(ROOT)}
        program = Program([sys.executable, *words], joining | environment)
        program.start()
        try:
            assert kit.until(lambda: kit.member, 60)
            trial = Trial(kit, address, BOUNDS, Clips(), program=program)
            trial.enter()
            found = list(tried(trial, rules))
        finally:
            program.kill()
    skipped = {finding.name for finding in found if finding.verdict == "skipped"}
    assert skipped == (set() if address else NEEDS_A_CALL)
    return [finding.line() for finding in found if finding.verdict == "failed"]


def our_node(home: Path, lane: str) -> list[str]:
    """Failures of the product's node in a lane."""
    port = free_port()
    address = f"http://127.0.0.1:{port}" if lane == "push" else None
    environment = {
        "SEGFLEET_HOME": str(home / "home"),
        "SEGFLEET_CACHE": str(tiny_model(home / "cache")),
        "NODE_PORT": str(port),
        "NODE_DEVICE": "cpu",
        "NODE_DRAIN_SECONDS": "0.5",
        "LOG_FILE": str(home / "node.log"),
        **({"NODE_ADDRESS": address} if address else {}),
    }
    rules = RULES if address else OTHERWISE_BY_POLLS
    return failures(["-m", "interface_node"], environment, address, rules)


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[list[str]]]]:
    """All of them at once: a trial waits most of its time."""
    example = str(ROOT / "scripts" / "example_interface_client.py")
    with ThreadPoolExecutor(3) as pool:
        ours = {lane: pool.submit(our_node, tmp_path_factory.mktemp(lane), lane) for lane in ("push", "pull")}
        yield {**ours, "example": pool.submit(failures, [example], {}, None)}


@pytest.mark.parametrize("node", ["push", "pull", "example"])
def test_our_nodes_in_both_lanes_and_the_example_node_pass(trials: dict[str, Future[list[str]]], node: str) -> None:
    assert trials[node].result() == []
