"""Damaged files: a hundred that do no harm, and a run that is made to see harm."""

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.faults import media_seeds
from scripts.faults.mutations import MUTATIONS, Mutation, mutated
from tests.scripts.shell import ROOT


def fuzz(*words: str) -> tuple[int, str]:
    """Exit code and what was printed."""
    command = [sys.executable, "-m", "scripts.faults.fuzz_media", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=110)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def test_a_hundred_damaged_files_neither_hang_nor_stay_nor_end_without_a_name(tmp_path: Path) -> None:
    code, said = fuzz("--files", "100", "--seed", "20261122", "--keep", str(tmp_path / "kept"))
    assert code == 0, said
    assert said.startswith("seed 20261122: 100 files in ")
    for line in ("probe", "pipeline"):
        counts = re.search(rf"^{line} +(.*)$", said, re.MULTILINE)
        assert counts is not None
        verdicts = {name.strip(): int(count) for name, count in re.findall(r"([\w ()]+) (\d+)", counts.group(1))}
        assert sum(verdicts.values()) == 100
        assert verdicts["completed"] > 10
        assert verdicts["broken_media"] > 2


def test_a_file_that_takes_too_long_is_a_violation_and_is_kept_with_its_seed(tmp_path: Path) -> None:
    code, said = fuzz("--files", "12", "--seed", "7", "--bound", "0.0001", "--keep", str(tmp_path))
    assert code == 1
    numbers = re.findall(r"^VIOLATION --seed 7 --only (\d+): \w+: over 0.0001 s", said, re.MULTILINE)
    assert numbers, said
    assert {path.stem for path in tmp_path.iterdir()} == {f"seed7-{number}" for number in numbers}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
@pytest.mark.parametrize("size", [1, 7, 5000])
def test_every_mutation_takes_every_length_and_the_same_chance_does_the_same(mutation: Mutation, size: int) -> None:
    data = random.Random(size).randbytes(size)
    for seed in range(40):
        made = [mutation(bytearray(data), random.Random(seed)) for _ in range(2)]
        assert made[0] == made[1]


def test_most_mutations_change_the_file() -> None:
    data = [random.Random(1).randbytes(3000), random.Random(2).randbytes(3000)]
    changed = [mutated(data, 0, random.Random(seed)) != data[0] for seed in range(100)]
    assert sum(changed) > 90


def test_there_is_a_whole_file_of_every_kind_that_is_accepted(tmp_path: Path) -> None:
    suffixes = {path.suffix for path in media_seeds.write_all(tmp_path)}
    assert suffixes == {".mp4", ".mov", ".mkv", ".webm", ".ts", ".avi", ".png", ".jpg", ".webp"}
