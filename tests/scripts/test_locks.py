import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = {
    "run": ("node", "postgres", "mysql"),
    "run-gpu": ("gpu", "node", "postgres", "mysql"),
    "test": ("dev", "node"),
}


def entries(lock: str) -> list[str]:
    """One string for each locked package: its pin and its hashes."""
    text = (ROOT / "locks" / f"{lock}.txt").read_text()
    return re.split(r"\n(?=\S)", text.strip())


def pins(lock: str) -> set[str]:
    """`name==version`, with the marker where there is one."""
    return {entry.split(" \\")[0] for entry in entries(lock)}


@pytest.mark.parametrize("lock", EXTRAS)
def test_a_lock_holds_every_dependency_of_its_extras(lock: str) -> None:
    wanted = PROJECT["dependencies"] + [d for extra in EXTRAS[lock] for d in PROJECT["optional-dependencies"][extra]]
    names = {re.split(r"[^\w.-]", requirement)[0].lower() for requirement in wanted} - {"segfleet"}
    assert names <= {re.split(r"==| ", pin)[0] for pin in pins(lock)}, "run `make lock`"


@pytest.mark.parametrize("lock", EXTRAS)
def test_every_locked_package_is_pinned_and_hashed_and_names_no_address(lock: str) -> None:
    for entry in entries(lock):
        assert re.match(r"[\w.-]+==[\w.]+( ; .+?)? \\\n", entry), entry
        assert "--hash=sha256:" in entry
        assert "://" not in entry


@pytest.mark.parametrize("lock", ["run", "run-gpu"])
def test_what_is_tested_is_what_runs(lock: str) -> None:
    cuda = {pin for pin in pins(lock) if pin.startswith("nvidia-")}
    assert pins(lock) - cuda <= pins("test")
