"""`segfleet conformance`: lines or JSON, and an exit code."""

import json
import sys
from pathlib import Path

import pytest

from tests.scripts.shell import segfleet
from tests.system.programs import free_port


def tried(folder: Path, *words: str, breach: str = "") -> tuple[int, str, str]:
    """Exit code, standard output and standard error of the kit on the node that somebody else wrote."""
    port = free_port()
    command = f"{sys.executable} -m tests.fakes.third_party_node {port} {folder / 'kept'} {breach}"
    done = segfleet(folder, "conformance", f"http://127.0.0.1:{port}", "--command", command, *words)
    return done.returncode, done.stdout, done.stderr


def test_a_good_node_ends_with_0_and_each_rule_has_a_line(tmp_path: Path) -> None:
    code, out, _ = tried(tmp_path, "--only", "handshake", "--only", "clock")
    assert code == 0
    assert out.splitlines() == [
        "ok handshake: 1 slots, 1 models, push lane proven",
        "ok clock: signs by server_time",
    ]


def test_a_bad_node_ends_with_1_and_programs_may_read_why(tmp_path: Path) -> None:
    code, out, err = tried(tmp_path, "--only", "handshake", "--json", breach="wrong_proof")
    assert code == 1
    assert json.loads(out) == {
        "verdict": "failed",
        "name": "handshake",
        "words": "the proof of GET /identity is wrong",
    }
    assert "COORDINATOR_URL=http://127.0.0.1:" in err


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--only", "manners"), 2, "There is no rule manners"),
        (("--wait-s", "0.2"), 1, "No node registered at http://127.0.0.1:"),
    ],
)
def test_what_cannot_be_tried_is_one_sentence(tmp_path: Path, words: tuple[str, ...], code: int, sentence: str) -> None:
    done = segfleet(tmp_path, "conformance", *words)
    assert done.returncode == code
    assert sentence in done.stderr
