"""Promise 14: a node whose disk is full waits until there is room; no task pays for it, and the node lives on."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.faults.fleet import Fleet
from tests.small_disk import small_disk
from tests.system.patience import until

pytestmark = pytest.mark.timeout(600)

SIZE_MB = 160
ROOM_S = 30.0


@pytest.fixture
def small_home(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for one step."""
    with small_disk(tmp_path, SIZE_MB) as home:
        yield home


@contextmanager
def others_away(fleet: Fleet) -> Iterator[list[str]]:
    """The fleet's own nodes drain while the block runs; their ids."""
    ids = [row["id"] for row in (node.row(fleet.admin) for node in fleet.nodes) if row is not None]
    for one in ids:
        assert fleet.admin.put(f"/admin/interfaces/{one}/drain").status_code == 200
    try:
        yield ids
    finally:
        for one in ids:
            fleet.admin.put(f"/admin/interfaces/{one}/resume")


def fill(home: Path) -> Path:
    """Take all the room that is left; the file that does."""
    filler = home / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(65536))
    return filler


def test_a_full_disk_costs_no_task_anything_and_the_node_works_again_once_there_is_room(
    fleet: Fleet, small_home: Path
) -> None:
    small = fleet.node("node-small", LOG_FILE=str(fleet.home / "small.log"), home=small_home)
    with others_away(fleet) as ids, small:
        small.online(fleet.admin)
        task_id = fleet.submit(fleet.long_id)
        fleet.user.mid_work(task_id)
        filler = fill(small_home)
        until(lambda: fleet.attempts(task_id)[0]["state"] == "failed", ROOM_S, "no room, it says")
        waiting = fleet.submit(fleet.short_id)
        for one in ids:
            assert fleet.admin.put(f"/admin/interfaces/{one}/resume").status_code == 200
        assert fleet.user.ended(task_id)["state"] == fleet.user.ended(waiting)["state"] == "completed"
        failed, *rest = fleet.attempts(task_id)
        assert (failed["node"], failed["charge"], failed["strike"]) == ("node-small", None, None)
        assert '"disk_full"' in failed["error"]
        assert "node-small" not in {row["node"] for row in (*rest, *fleet.attempts(waiting))}
        assert [(step["failures"], step["losses"]) for step in fleet.steps(task_id)] == [(0, 0)]
        for one in ids:
            assert fleet.admin.put(f"/admin/interfaces/{one}/drain").status_code == 200
        filler.unlink()
        again = fleet.submit(fleet.short_id)
        assert fleet.user.ended(again)["state"] == "completed"
        assert [row["node"] for row in fleet.attempts(again)] == ["node-small"]
        row = small.row(fleet.admin)
        assert row is not None
        assert row["admission"] == "approved"
        assert small.program.terminate() == 0
