"""The example is a whole node: it joins, works and reports, as a process of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.states import StepKind
from tests.fakes.coordinator import FakeCoordinator
from tests.fakes.coordinator_wire import CLUSTER

EXAMPLE = Path(__file__).parents[2] / "scripts" / "example_interface_client.py"


@pytest.fixture
def coordinator() -> Iterator[FakeCoordinator]:
    """A coordinator with the example as its only node."""
    with FakeCoordinator() as running:
        environment = {**os.environ, "COORDINATOR_URL": running.url, "INTERFACE_IDENTIFICATION": CLUSTER}
        with subprocess.Popen([sys.executable, str(EXAMPLE)], env=environment) as process:
            yield running
            process.terminate()
            running.until(lambda: running.leaves)
            assert process.wait(10) == 0


def test_the_example_echoes_a_video_in_pieces_and_goes_on(coordinator: FakeCoordinator) -> None:
    data = os.urandom(9 * 1024 * 1024)
    coordinator.clock_offset = 7_200.0
    first = coordinator.offer(coordinator.assignment(data))
    ended = coordinator.end_of(first)
    assert (ended.kind, ended.artifacts[0].sha256, ended.artifacts[0].frames) == (
        "completed",
        first.source.sha256,
        10,
    )
    assert bytes(coordinator.artifacts[first.attempt_id, "composite"]) == data
    assert len(coordinator.pieces) == 2
    coordinator.until(lambda: coordinator.heartbeats)
    second = coordinator.offer(coordinator.assignment(b"picture", kind=StepKind.IMAGE))
    failed = coordinator.end_of(second)
    assert failed.error is not None
    assert failed.error.code == "unsupported_output"


def test_the_example_imports_nothing_of_ours() -> None:
    imported = [line for line in EXAMPLE.read_text().splitlines() if line.startswith(("import ", "from "))]
    assert not any(word in line for line in imported for word in ("protocol", "interface_node", "coordinator"))
    assert [line for line in imported if "httpx" in line] == ["import httpx"]
