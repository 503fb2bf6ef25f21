"""How `segfleet up` and `segfleet coordinator` refuse to start: one sentence each."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scripts.shell import segfleet


@pytest.fixture
def taken() -> Iterator[str]:
    """A port of loopback that somebody else has."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield str(listener.getsockname()[1])


def test_a_port_that_is_taken_is_said_in_one_sentence(tmp_path: Path, taken: str) -> None:
    done = segfleet(tmp_path, "up", "--port", taken)
    sentence = f"Port {taken} is taken by another program; stop that one, or choose another port"
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{sentence} (--port or API_PORT).\n"
    assert segfleet(tmp_path, "coordinator", API_PORT=taken).stderr == f"{sentence} (API_PORT).\n"


def test_the_port_of_a_node_is_looked_at_before_anything_starts(tmp_path: Path, taken: str) -> None:
    done = segfleet(tmp_path, "up", "--port", "0", "--node-port", taken)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Port {taken} is taken")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("keys", "words", "sentence"),
    [
        ({"LEASE_S": "soon"}, (), "LEASE_S 'soon' is not valid"),
        ({}, ("--host", "0.0.0.0"), "JWT_SECRET is the documented default"),
        ({"NODE_DEVICE": "tpu"}, (), "NODE_DEVICE 'tpu' is not valid"),
    ],
)
def test_a_wrong_setting_is_said_in_one_sentence(
    tmp_path: Path, keys: dict[str, str], words: tuple[str, ...], sentence: str
) -> None:
    done = segfleet(tmp_path, "up", "--port", "0", "--node-port", "0", *words, **keys)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1


def test_a_misspelt_key_in_the_file_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("API_PROT=6001\n")
    done = segfleet(tmp_path, "coordinator")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "API_PROT" in done.stderr


def test_a_program_that_dies_at_its_start_is_shown_with_the_end_of_its_log(tmp_path: Path) -> None:
    """The home is a file's neighbour that cannot be a database: the coordinator itself finds out."""
    (tmp_path / "home" / "segfleet.db").mkdir(parents=True)
    done = segfleet(tmp_path, "up", "--port", "0", "--node-port", "0", "--nodes", "0")
    assert (done.returncode, done.stdout) == (1, "")
    assert "coordinator ended at its start" in done.stderr
    assert f"its log is {tmp_path}/home/logs/coordinator.log" in done.stderr
