"""The simulator: the product breaks no sentence of the contract, and each planted bug does."""

import os
import re
from collections.abc import Mapping

import pytest

from scripts.faults import simulate
from scripts.faults.plants import PLANTS
from scripts.faults.simulate import Hunt, Order
from scripts.faults.world import Report

JOBS = min(2, os.cpu_count() or 1)
SEEDS = 200
HUNTED = 40


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_seed_breaks_a_sentence_of_the_contract() -> None:
    found, ended = [], 0
    for report in simulate.reports([Order(seed) for seed in range(SEEDS)], JOBS):
        found += [f"seed {report.seed}: {sentence}" for sentence in report.findings]
        ended += report.tasks.get("completed", 0)
    assert not found
    assert ended > SEEDS


@pytest.fixture(scope="module")
def caught() -> Mapping[str, Report | None]:
    """What each planted bug was first seen as."""
    hunts = [Hunt(plant, range(HUNTED)) for plant in PLANTS]
    return dict(zip(PLANTS, simulate.hunts(hunts, JOBS), strict=True))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_bug_is_seen(caught: Mapping[str, Report | None], plant: str) -> None:
    report = caught[plant]
    assert report is not None
    assert any(PLANTS[plant].found_as in sentence for sentence in report.findings)


def test_a_seed_runs_again_the_same_to_the_last_message() -> None:
    orders = [Order(seed, keep_log=True) for seed in (0, 5)]
    first, second = (list(simulate.reports(orders, jobs)) for jobs in (1, 2))
    assert [one.log for one in first] == [one.log for one in second]
    assert [one.hash for one in first] == [one.hash for one in second]
    assert first[0].hash != first[1].hash


def test_the_command_prints_the_seed_and_its_hash(capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate.main(["--seed", "7", "--jobs", "1"]) == 0
    assert re.search(r"^seed 7: hash [0-9a-f]{16}, ", capsys.readouterr().out, re.MULTILINE)


def test_the_command_fails_for_a_planted_bug(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--plant", "done_before_verification", "--seeds", "8", "--jobs", "1", "--until-found"]
    assert simulate.main(arguments) == 1
    assert PLANTS["done_before_verification"].found_as in capsys.readouterr().out
