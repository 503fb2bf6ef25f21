"""`make run`, without its set-up: an empty home, the real sample, real processes."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from interface_node.errors import DownloadFailed
from scripts import samples
from tests import independent_reader as reader
from tests.scripts.shell import CACHE, module

WORDS = ("--port", "0", "--node-port", "0", "--once")


@pytest.fixture(scope="module")
def sample() -> Path:
    """The sample clip, fetched once for the whole suite."""
    try:
        return samples.clip(CACHE)
    except DownloadFailed as error:
        pytest.skip(f"THE SAMPLE CANNOT BE HAD: {error.detail}")


def test_the_demonstration_ends_with_the_composite_and_can_be_shown_again_on_another_port(
    tmp_path: Path, sample: Path
) -> None:
    for _ in range(2):
        done = module(tmp_path, "scripts.demo", *WORDS)
        assert done.returncode == 0, done.stderr
        composite = Path(re.findall(r"^the composite: (.*)$", done.stdout, re.MULTILINE)[0])
        assert reader.frame_times(composite).times == reader.frame_times(sample).times
        assert re.match(r"ready http://127\.0\.0\.1:\d+$", done.stdout.splitlines()[-1])
        assert "process 100 % completed" in done.stderr
        composite.unlink()
    with closing(sqlite3.connect(tmp_path / "home" / "segfleet.db")) as database:
        nodes = database.execute("SELECT name, admission, online FROM interfaces").fetchall()
    assert nodes == [("node-0", "approved", 0)]


def test_a_demonstration_that_fails_says_why_and_stops_what_it_started(tmp_path: Path) -> None:
    (tmp_path / "letter.mp4").write_text("dear coordinator")
    done = module(tmp_path, "scripts.demo", "--port", "0", "--node-port", "0", "--video", "letter.mp4")
    assert done.returncode == 1
    assert "The file is not a video" in done.stderr
    assert "ready" not in done.stdout
