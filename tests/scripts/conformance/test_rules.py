"""Every rule of the kit lets a good node pass and catches the node that breaks it; all on real HTTP."""

import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts.conformance.coordinator import Coordinator
from scripts.conformance.job import Clips
from scripts.conformance.rules import RULES, Finding, tried
from scripts.conformance.trial import Bounds, Program, Trial
from tests.system.programs import ROOT, free_port

BOUNDS = Bounds(soon_s=6.0, call_s=3.0, stop_s=1.0, slack_s=1.0, quiet_s=1.2, held_s=2.0)
AT_ONCE = 4
GOOD = ""
Found = Future[list[Finding]]
BREACHES = {
    "wrong_proof": ("handshake", "the proof of GET /identity is wrong"),
    "names_nothing": ("heartbeat", "does not name the attempt"),
    "seq_stands": ("heartbeat", "seq does not rise"),
    "own_clock": ("clock", "does not sign by server_time"),
    "drops_a_frame": ("work", "13 frames said, 12 found, 12 planned"),
    "takes_unsigned": ("signatures", "without a signature was answered 202, not 401"),
    "any_age": ("signatures", "signed ten minutes ago was answered 202, not 401"),
    "runs_twice": ("idempotency", ""),
    "never_busy": ("busy", "was answered 202, not 409"),
    "deaf_to_cancelled": ("cancel", "not stopped within 3 s"),
    "forgets_cancels": ("cancel", "after its own DELETE was answered 202, not 410"),
    "deaf_to_gone": ("stale", "after 410 it goes on to report the attempt"),
    "silent": ("callbacks", "about one a second is the rule"),
    "numbers_stand": ("callbacks", "seq does not rise"),
    "says_the_end_once": ("callbacks", "no acknowledged end"),
    "says_the_end_twice": ("callbacks", "not after that"),
    "completed_first": ("work", "completed was said before the artifacts were uploaded"),
    "begins_again": ("pieces", "the attempt ended failed"),
    "believes_pages": ("wrong_answers", ""),
    "ignores_drain": ("drain", "nothing handed back"),
    "same_boot": ("restart", "boot_id is the same"),
    "no_leave": ("leave", "without POST /leave"),
}


@contextmanager
def trial(home: Path, breach: str = "") -> Iterator[Trial]:
    """The node that somebody else wrote, on trial."""
    port = free_port()
    with Coordinator("127.0.0.1", 0, lease_s=2.0, heartbeat_s=0.3) as kit:
        words = [sys.executable, "-m", "tests.fakes.third_party_node", str(port), str(home), *filter(None, [breach])]
        environment = {"COORDINATOR_URL": kit.url, "INTERFACE_IDENTIFICATION": kit.cluster, "PYTHONPATH": str(ROOT)}
        program = Program(words, environment)
        program.start()
        try:
            assert kit.until(lambda: kit.member, 30)
            made = Trial(kit, f"http://127.0.0.1:{port}", BOUNDS, Clips(), program=program)
            made.enter()
            yield made
        finally:
            program.kill()


@pytest.mark.timeout(300)
def test_a_good_node_passes_every_rule(caught: dict[str, Found]) -> None:
    found = caught[GOOD].result()
    assert [finding.line() for finding in found if finding.verdict != "ok"] == []
    assert [finding.name for finding in found] == list(RULES)


def findings(home: Path, breach: str, *rules: str) -> list[Finding]:
    """What the kit finds in a node with this breach."""
    with trial(home, breach) as one:
        return list(tried(one, rules))


@pytest.fixture(scope="module")
def caught(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Found]]:
    """The good node, and the breaches that are asked for, a few at a time: a trial waits most of its time."""
    params = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    wanted = [one["breach"] for one in params if one.get("breach") in BREACHES]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        good = {GOOD: pool.submit(findings, tmp_path_factory.mktemp("good"), GOOD, *RULES)}
        yield good | {one: pool.submit(findings, tmp_path_factory.mktemp(one), one, BREACHES[one][0]) for one in wanted}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("breach", BREACHES)
def test_a_node_that_breaks_a_rule_is_caught(caught: dict[str, Found], breach: str) -> None:
    rule, words = BREACHES[breach]
    found = caught[breach].result()
    assert [(finding.name, finding.verdict) for finding in found] == [(rule, "failed")]
    assert words in found[0].words


def test_every_rule_has_a_node_that_breaks_it() -> None:
    own = {rule for rule, _ in BREACHES.values()}
    assert set(RULES) - own == {"outbox", "messages"}


@pytest.mark.parametrize(("breach", "words"), [("unsigned", "heartbeat names an interface"), ("not_valid", "fps")])
def test_messages_that_are_not_signed_or_not_valid_are_remembered_to_the_end(
    tmp_path: Path, breach: str, words: str
) -> None:
    found = findings(tmp_path, breach, "heartbeat", "messages")
    last: Finding = found[-1]
    assert (last.name, last.verdict) == ("messages", "failed")
    assert words in last.words


def test_an_end_that_is_given_up_while_the_coordinator_is_away_is_missed(tmp_path: Path) -> None:
    found = findings(tmp_path, "says_the_end_once", "outbox")
    assert [finding.verdict for finding in found] == ["failed"]
    assert "the end did not arrive" in found[0].words


def test_rules_that_need_an_address_or_a_command_are_skipped_without(tmp_path: Path) -> None:
    with trial(tmp_path) as one:
        one.address, program, one.program = None, one.program, None
        found = list(tried(one, ["signatures", "restart", "leave"]))
        one.program = program
    assert [finding.verdict for finding in found] == ["skipped"] * 3
