"""`segfleet up` and the commands that talk to it: real processes, one fleet of two nodes for the whole file."""

import json
import os
import re
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from interface_node.errors import DownloadFailed
from interface_node.models import catalogue, store
from scripts.access import Access, read
from scripts.client import Client
from tests import clips
from tests import independent_reader as reader
from tests.clips import Clip
from tests.scripts.shell import CACHE, Running, segfleet
from tests.system import long_clips
from tests.system.patience import until

UP = ("up", "--port", "0", "--node-port", "0")
SECOND = Clip(frames=48, width=640, height=360, rate=48, bframes=0)
LONG_S, LONGER_S = 10, 200


class Fleet(Running):
    """A running `segfleet up`, its address and its administrator."""

    def __init__(self, folder: Path, *words: str, **keys: str) -> None:
        super().__init__(folder, "scripts.segfleet", *UP, *words, **keys)
        self.home = folder / "home"
        self.url = self.line("ready ").removeprefix("ready ")

    @property
    def access(self) -> Access:
        """What the commands use."""
        found = read(self.home / "cli.json")
        assert found is not None
        return found

    def command(self, *words: str | Path) -> tuple[int, str, str]:
        """`segfleet WORDS` as the administrator: exit code, output, complaints."""
        done = segfleet(self.folder, *words)
        return done.returncode, done.stdout, done.stderr

    def pid(self, name: str) -> int:
        """The process that serves now, by its own log."""
        log = (self.home / "logs" / f"{name}.log").read_text(encoding="utf-8")
        return int(re.findall(r"Started server process \[(\d+)\]", log)[-1])


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A coordinator and two nodes; LEASE_S is short so that lost work is soon found."""
    try:
        store.pull(CACHE, catalogue.find(CACHE, "selfie"))
    except DownloadFailed as error:
        pytest.skip(f"THE DEFAULT MODEL CANNOT BE HAD: {error.detail}")
    folder = tmp_path_factory.mktemp("up")
    with Fleet(folder, "--nodes", "2", LEASE_S="5", INTERFACE_APPROVAL="manual") as running:
        yield running


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video that takes a while."""
    return long_clips.repeated(tmp_path_factory.mktemp("clips") / "long.mp4", LONG_S, SECOND)


def test_one_line_says_where_it_is_when_all_are_online(fleet: Fleet) -> None:
    assert fleet.out == [f"ready {fleet.url}"]
    with Client(fleet.access) as client:
        nodes = list(client.pages("/admin/interfaces"))
    assert {(node["name"], node["state"], node["admission"]) for node in nodes} == {
        ("node-0", "online", "approved"),
        ("node-1", "online", "approved"),
    }


def test_the_key_of_the_commands_is_an_administrators_and_for_its_owner_only(fleet: Fleet) -> None:
    path = fleet.home / "cli.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["url"] == fleet.url
    with Client(fleet.access) as client:
        assert client.call("GET", "/auth/me")["role"] == "admin"


def test_the_first_curl_lines_of_the_product_work_with_the_printed_token(fleet: Fleet) -> None:
    code, token, _ = fleet.command("token")
    assert code == 0
    for path in ("pending", "interfaces"):
        answer = httpx.get(
            f"{fleet.url}/api/tasks/admin/{path}", headers={"Authorization": f"Bearer {token.strip()}"}, trust_env=False
        )
        assert answer.status_code == 200
        assert "items" in answer.json()


def test_a_video_goes_in_and_comes_out_with_its_frames_and_times(fleet: Fleet, tmp_path: Path) -> None:
    source, behind = clips.write(tmp_path / "a clip.mp4"), clips.still(tmp_path / "behind.png")
    out = tmp_path / "out.mp4"
    code, said, news = fleet.command("submit", source, "--background", behind, "--model", "selfie", "-o", out)
    assert (code, said.strip()) == (0, str(out)), news
    assert reader.frame_times(out).times == reader.frame_times(source).times
    assert "upload 100 % a clip.mp4" in news
    assert "process 100 % completed" in news
    assert list(tmp_path.glob("*.part")) == []


def test_every_wished_output_comes_into_the_folder(fleet: Fleet, tmp_path: Path) -> None:
    source, out = clips.write(tmp_path / "a.mp4"), tmp_path / "results"
    out.mkdir()
    words = ("--outputs", "composite", "--outputs", "mask", "--quality", "draft")
    code, said, news = fleet.command("submit", source, "-b", "color:#00ff00", "-o", out, *words)
    assert code == 0, news
    assert {Path(line).name for line in said.splitlines()} == {"a-composite.mp4", "a-mask.mp4"}
    assert {path.name for path in out.iterdir()} == {"a-composite.mp4", "a-mask.mp4"}


def test_a_file_that_is_no_video_is_refused_in_one_sentence(fleet: Fleet, tmp_path: Path) -> None:
    source = tmp_path / "letter.mp4"
    source.write_text("dear coordinator")
    code, said, news = fleet.command("submit", source, "-b", "color:#00ff00", "-o", tmp_path / "out.mp4")
    assert (code, said) == (1, "")
    assert "The file is not a video" in news
    assert "Traceback" not in news
    assert not (tmp_path / "out.mp4").exists()


def test_a_background_that_is_nothing_is_refused_before_anything_is_sent(fleet: Fleet, tmp_path: Path) -> None:
    source = clips.write(tmp_path / "a.mp4")
    code, _, news = fleet.command("submit", source, "-b", "no/such.png", "-o", tmp_path / "out.mp4")
    assert (code, news.strip()) == (
        1,
        "There is no background no/such.png: give a file, color:#rrggbb, gradient, blur or transparent.",
    )


def test_ctrl_c_cancels_the_task(fleet: Fleet, tmp_path: Path) -> None:
    longer = long_clips.repeated(tmp_path / "longer.mp4", LONGER_S, SECOND)
    words = ("submit", longer, "-b", "color:#00ff00", "-o", tmp_path / "out.mp4")
    with Running(fleet.folder, "scripts.segfleet", *words) as submitting:
        submitting.line("process ")
        assert submitting.stop(signal.SIGINT) == 130
        assert submitting.err[-1] == "Cancelled."
    with Client(fleet.access) as client:
        newest = next(client.pages("/tasks", limit=1))
        until(lambda: {n["state"] for n in client.pages("/admin/interfaces")} == {"online"}, 20, "both nodes are idle")
    assert (newest["name"], newest["state"]) == ("longer.mp4", "cancelled")


def test_tasks_are_listed_shown_and_tried_again(fleet: Fleet, tmp_path: Path) -> None:
    source = clips.write(tmp_path / "b.mp4")
    assert fleet.command("submit", source, "-b", "color:#123456", "-o", tmp_path / "out.mp4")[0] == 0
    code, said, _ = fleet.command("tasks", "list", "--state", "completed")
    assert code == 0
    task_id = re.findall(r"^│ (\S+) +│ completed", said, re.MULTILINE)[0]
    shown = fleet.command("tasks", "show", task_id)[1]
    assert "b.mp4" in shown
    assert re.search(r"segment +│ done +│ 24/24", shown)
    code, _, news = fleet.command("tasks", "pause", task_id)
    assert code == 1
    assert "The task is in a state that does not allow this" in news


def test_nodes_are_drained_and_resumed_by_name(fleet: Fleet) -> None:
    assert "is draining now" in fleet.command("nodes", "drain", "node-1")[1]
    assert "is online now" in fleet.command("nodes", "resume", "node-1")[1]
    code, _, news = fleet.command("nodes", "drain", "nobody")
    assert (code, news.strip()) == (1, "There is no node nobody; `segfleet nodes list` shows them.")


def test_accounts_are_changed_by_their_names(fleet: Fleet) -> None:
    with Client(fleet.access) as client:
        client.call("POST", "/auth/register", json={"username": "sam", "password": "password of tests"})
        assert fleet.command("users", "role", "Sam", "admin")[1] == "Sam is admin now\n"
        assert fleet.command("users", "disable", "sam")[1] == "sam is disabled now\n"
        (sam,) = client.pages("/admin/users", q="sam")
        assert (sam["role"], sam["disabled"]) == ("admin", True)
    assert fleet.command("users", "enable", "samuel")[2] == "There is no account samuel.\n"


def test_login_keeps_a_key_and_logout_takes_it_back(fleet: Fleet, tmp_path: Path) -> None:
    password = (fleet.home / "admin-password").read_text()
    words = ("login", fleet.url, "--username", "admin", "--password-stdin")
    assert segfleet(tmp_path, *words, stdin="wrong password!\n").stderr.startswith("Wrong username or password")
    done = segfleet(tmp_path, *words, stdin=password)
    assert done.returncode == 0, done.stderr
    kept = tmp_path / "config" / "segfleet" / "login.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert segfleet(tmp_path, "users", "list").stdout.count("admin") >= 1
    key = json.loads(kept.read_text())["token"]
    assert segfleet(tmp_path, "logout").returncode == 0
    assert not kept.exists()
    answer = httpx.get(f"{fleet.url}/api/v1/auth/me", headers={"Authorization": f"Bearer {key}"}, trust_env=False)
    assert answer.status_code == 401


def test_a_second_one_in_the_same_home_is_refused_in_one_sentence(fleet: Fleet) -> None:
    code, said, news = fleet.command(*UP)
    assert (code, said) == (1, "")
    assert news.strip() == f"`segfleet up` runs already in {fleet.home}; give this one another SEGFLEET_HOME."


def test_a_node_that_is_killed_in_mid_task_starts_again_and_the_task_completes(
    fleet: Fleet, long_clip: Path, tmp_path: Path
) -> None:
    words = ("submit", long_clip, "-b", "color:#00ff00", "-o", tmp_path / "out.mp4")
    with Running(fleet.folder, "scripts.segfleet", *words) as submitting, Client(fleet.access) as client:
        submitting.line("frames")
        working = [node["name"] for node in client.pages("/admin/interfaces") if node["state"] == "busy"]
        os.kill(fleet.pid(working[0]), signal.SIGKILL)
        fleet.line(f"{working[0]} ended (SIGKILL); starting it again")
        assert submitting.process.wait(120) == 0, submitting.err
        assert len(reader.frame_times(tmp_path / "out.mp4").times) == LONG_S * SECOND.frames


def test_a_coordinator_that_is_killed_in_mid_task_starts_again_and_the_task_completes(
    fleet: Fleet, long_clip: Path, tmp_path: Path
) -> None:
    words = ("submit", long_clip, "-b", "color:#00ff00", "-o", tmp_path / "out.mp4")
    with Running(fleet.folder, "scripts.segfleet", *words) as submitting:
        submitting.line("frames")
        os.kill(fleet.pid("coordinator"), signal.SIGKILL)
        fleet.line("coordinator ended (SIGKILL); starting it again")
        assert submitting.process.wait(120) == 0, submitting.err
        assert len(reader.frame_times(tmp_path / "out.mp4").times) == LONG_S * SECOND.frames


def test_sigterm_stops_everything_and_nobody_is_left(fleet: Fleet) -> None:
    children = psutil.Process(fleet.process.pid).children(recursive=True)
    assert len(children) >= 3
    assert fleet.stop() == 0
    assert [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []
    assert "does not answer" in fleet.command("tasks", "list")[2]
