"""The node as a process: signals, exit codes, and what it says when it cannot start."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from interface_node.jobs.ending import UNHEALTHY_EXIT
from tests.fakes.coordinator import FakeCoordinator
from tests.fakes.coordinator_wire import CLUSTER

ROOT = Path(__file__).parents[2]


def environment(home: Path, coordinator: str, **keys: str) -> dict[str, str]:
    """What the process gets."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SEGFLEET_HOME": str(home),
        "COORDINATOR_URL": coordinator,
        "INTERFACE_IDENTIFICATION": CLUSTER,
        "NODE_PORT": "0",
        "NODE_DRAIN_SECONDS": "0.2",
        **keys,
    }


@contextmanager
def program(home: Path, coordinator: str, *words: str, **keys: str) -> Iterator[subprocess.Popen[str]]:
    """A running node; killed when the block ends, should it still run."""
    command = [sys.executable, "-m", "tests.fakes.node_program", *words]
    variables = environment(home, coordinator, **keys)
    with subprocess.Popen(command, cwd=home, env=variables, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_sigterm_hands_work_back_leaves_and_exits_with_zero(tmp_path: Path) -> None:
    with FakeCoordinator() as coordinator, program(tmp_path, coordinator.url, "hold") as process:
        assignment = coordinator.offer(coordinator.assignment(b"picture"))
        coordinator.until(lambda: coordinator.callbacks)
        process.send_signal(signal.SIGTERM)
        assert coordinator.end_of(assignment).kind == "released"
        assert process.wait(40) == 0
        assert len(coordinator.leaves) == 1


def test_a_hung_thread_exits_with_70_and_logs_json_without_secrets(tmp_path: Path) -> None:
    with FakeCoordinator() as coordinator, program(tmp_path, coordinator.url, "hold", "deaf") as process:
        assignment = coordinator.offer(coordinator.assignment(b"picture"))
        coordinator.until(lambda: any(one.stage == "process" for one in coordinator.callbacks))
        coordinator.faults.cancelled.add(assignment.attempt_id)
        _, logged = process.communicate(timeout=90)
        assert process.returncode == UNHEALTHY_EXIT
        row = next(iter(coordinator.rows.values()))
    records = [json.loads(line) for line in logged.splitlines()]
    assert any(one["event"] == "attempt_ended" and one["attempt_id"] == assignment.attempt_id for one in records)
    assert not any(word in logged for word in (row.secret, CLUSTER, assignment.attempt_token))


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with program(tmp_path, "http://127.0.0.1:9", NODE_PORT=port) as process:
            _, logged = process.communicate(timeout=90)
    assert process.returncode == 2
    assert f"NODE_PORT {port} is taken" in logged


def test_a_second_node_in_one_home_is_refused(tmp_path: Path) -> None:
    with FakeCoordinator() as coordinator, program(tmp_path, coordinator.url):
        coordinator.until(lambda: coordinator.heartbeats)
        with program(tmp_path, coordinator.url) as second:
            _, logged = second.communicate(timeout=90)
    assert second.returncode == 2
    assert "Another node already runs in" in logged


def test_a_damaged_identity_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "identity.json").write_text("{")
    with program(tmp_path, "http://127.0.0.1:9") as process:
        _, logged = process.communicate(timeout=90)
    assert process.returncode == 2
    assert "identity.json is damaged" in logged


def test_the_module_says_in_one_line_which_setting_is_wrong(tmp_path: Path) -> None:
    variables = environment(tmp_path, "http://127.0.0.1:9", NODE_SLOTS="many")
    command = [sys.executable, "-m", "interface_node"]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("segfleet node: NODE_SLOTS 'many' is not valid")
    assert len(done.stderr.splitlines()) == 1


def test_a_home_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    with program(tmp_path, "http://127.0.0.1:9", SEGFLEET_HOME=str(tmp_path / "file")) as process:
        _, logged = process.communicate(timeout=90)
    assert process.returncode == 2
    assert f"segfleet node: {tmp_path / 'file' / 'node'} cannot be written" in logged
    assert "Traceback" not in logged


def test_a_cache_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    keys = {"NODE_DEVICE": "cpu", "SEGFLEET_CACHE": str(tmp_path / "file")}
    variables = environment(tmp_path, "http://127.0.0.1:9", **keys)
    command = [sys.executable, "-m", "interface_node"]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 2
    assert f"segfleet node: {tmp_path / 'file' / 'models' / 'files'} cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--slots", "0"], "NODE_SLOTS '0' is not valid"),
        (["--device", "gpu"], "NODE_DEVICE 'gpu' is not valid"),
        (["--coordinator", "not an address"], "COORDINATOR_URL 'not an address' is not valid"),
    ],
)
def test_the_command_says_which_option_is_wrong(tmp_path: Path, words: list[str], sentence: str) -> None:
    command = [sys.executable, "-m", "scripts.segfleet", "node", *words]
    variables = environment(tmp_path, "http://127.0.0.1:9")
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(sentence)
