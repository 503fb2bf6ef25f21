"""A node without room fails its attempt as one that lacks resources, lives on, and another node does the work."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.fleet import Fleet
from tests.system.patience import until

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("NO SMALL DISK CAN BE MOUNTED HERE: a node's full disk is not tested")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def test_a_full_disk_costs_one_attempt_and_neither_the_node_nor_the_task(fleet: Fleet, small_disk: Path) -> None:
    ids = [row["id"] for row in (node.row(fleet.admin) for node in fleet.nodes) if row is not None]
    for one in ids:
        assert fleet.admin.put(f"/admin/interfaces/{one}/drain").status_code == 200
    try:
        with fleet.node("node-small", LOG_FILE=str(fleet.home / "small.log"), home=small_disk) as small:
            small.online(fleet.admin)
            task_id = fleet.submit(fleet.long_id)
            until(lambda: [row["state"] for row in fleet.attempts(task_id)][:1] == ["failed"], 30, "no room, it says")
            for one in ids:
                assert fleet.admin.put(f"/admin/interfaces/{one}/resume").status_code == 200
            assert fleet.user.ended(task_id)["state"] == "completed"
            failed, *rest = fleet.attempts(task_id)
            assert (failed["node"], failed["charge"]) == ("node-small", "failure")
            assert '"disk_full"' in failed["error"]
            assert '"resources"' in failed["error"]
            assert rest[-1]["node"] != "node-small"
            until(lambda: fleet.is_idle(small), 10, "the node lives on")
            assert small.program.terminate() == 0
    finally:
        for one in ids:
            fleet.admin.put(f"/admin/interfaces/{one}/resume")
