"""Promise 16: a minute of video that many nodes work on keeps every frame, every timestamp and its sound."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import pytest

from tests import independent_reader as reader
from tests import odd_clips
from tests.system.coordinator import Coordinator
from tests.system.nodes import MODEL, NodeProcess, tiny_model

pytestmark = pytest.mark.timeout(300)
SECONDS = 60
STRIP_ADTS = "aac_adtstoasc"
"""A transport stream packs every AAC frame behind a header of its own, which an mp4 says once."""


class House:
    """A coordinator with two nodes, and an account."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.coordinator = Coordinator(home / "coordinator", LEASE_S="5", HEARTBEAT_INTERVAL="1")
        cache, url = tiny_model(home / "cache"), self.coordinator.url
        self.nodes = [NodeProcess(home, url, cache, f"node-{letter}", push=True) for letter in "ab"]

    def __enter__(self) -> "House":
        with ExitStack() as stack:
            stack.enter_context(self.coordinator)
            for node in self.nodes:
                stack.enter_context(node)
            self.admin = stack.enter_context(self.coordinator.administrator())
            self.user = stack.enter_context(self.coordinator.account("somebody"))
            for node in self.nodes:
                node.online(self.admin)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        for program in (self.coordinator.program, *(node.program for node in self.nodes)):
            assert program.complaints() == [], program.log

    def done_by(self, task_id: str) -> int:
        """How many nodes completed steps of a task."""
        counted = "SELECT count(DISTINCT interface_id) AS n FROM attempts WHERE state = 'completed' AND task_id = ?"
        return int(self.coordinator.rows(counted, task_id)[0]["n"])

    def composite(self, source: Path) -> tuple[str, Path]:
        """The id of the task that made a composite of a file, and the composite."""
        task_id = self.user.submit(self.user.upload(source)["id"], model=MODEL)
        task = self.user.ended(task_id, 120)
        assert task["state"] == "completed", task
        path = self.home / f"{task_id}.mp4"
        path.write_bytes(self.user.get(task["results"]["composite"]["url"]).raise_for_status().content)
        return task_id, path


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house for every test here."""
    with House(tmp_path_factory.mktemp("house")) as running:
        yield running


@pytest.mark.parametrize("name", ["closed.mp4", "uneven.mp4", "closed.ts", "intra-refresh.ts"])
def test_a_minute_on_two_nodes_keeps_every_frame_every_timestamp_and_its_sound(house: House, name: str) -> None:
    task_id = _keeps_everything(house, name)
    assert house.done_by(task_id) == 2


@pytest.mark.parametrize("name", ["counted.avi", "some-untimed.mkv", "colliding.mp4", "torn-open-hevc.ts"])
def test_a_short_video_with_odd_times_is_one_step_and_loses_no_frame(house: House, name: str) -> None:
    source = odd_clips.write(house.home, name)
    task_id, result = house.composite(source)
    steps = house.coordinator.rows("SELECT * FROM steps WHERE task_id = ?", task_id)
    assert [step["kind"] for step in steps] == ["segment"]
    found = reader.frame_times(result)
    assert found.complaints == []
    assert len(found.times) == len(reader.frame_times(source).times)
    assert found.times == sorted(set(found.times))


def test_a_minute_on_one_node_keeps_every_frame_every_timestamp_and_its_sound(house: House) -> None:
    assert house.nodes[1].program.terminate() == 0
    task_id = _keeps_everything(house, "closed.mp4")
    assert house.done_by(task_id) == 1


def _keeps_everything(house: House, name: str) -> str:
    """Put a clip through; the task's id."""
    source = house.home / name
    if not source.exists():
        odd_clips.write(house.home, name, SECONDS)
    task_id, result = house.composite(source)
    steps = house.coordinator.rows("SELECT * FROM steps WHERE task_id = ?", task_id)
    kinds = Counter(step["kind"] for step in steps)
    assert kinds["segment"] >= SECONDS // 10
    assert kinds["assemble"] == 1
    attempts = house.coordinator.rows("SELECT * FROM attempts WHERE task_id = ? AND state = 'completed'", task_id)
    assert sorted(row["id"] for row in attempts) == sorted(step["winner"] for step in steps)
    wanted, found = reader.frame_times(source), reader.frame_times(result)
    assert found.complaints == []
    assert _from_first(found.times) == _from_first(wanted.times)
    assert reader.packet_hashes(result, "a") == reader.packet_hashes(source, "a", STRIP_ADTS)
    assert _lag(result) == pytest.approx(_lag(source), abs=0.001)
    return task_id


def _from_first(times: list[Fraction]) -> list[Fraction]:
    return [time - times[0] for time in times]


def _lag(path: Path) -> float:
    """How long after the picture the sound begins, in seconds."""
    return float(reader.first_sound(path) - reader.frame_times(path).times[0])
