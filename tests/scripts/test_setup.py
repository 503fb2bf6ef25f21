import shutil
import subprocess
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[2] / "scripts" / "setup"


@pytest.fixture
def setup_script(tmp_path: Path) -> Path:
    """The script in a tree of its own, which has no virtual environment."""
    (tmp_path / "scripts").mkdir()
    return Path(shutil.copy(SETUP, tmp_path / "scripts"))


def test_a_machine_without_a_fitting_python_is_told_what_to_do(setup_script: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": "no-such-python"}
    ended = subprocess.run([setup_script], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "no Python 3.11 to 3.14 found" in ended.stderr
    assert "make setup PYTHON=" in ended.stderr
    assert not (setup_script.parents[1] / ".venv").exists()
