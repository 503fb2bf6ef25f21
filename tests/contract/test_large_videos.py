"""A node reads a large video from a real coordinator by its parts, and never a byte twice."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import clips, independent_reader
from tests.clips import Clip
from tests.system.coordinator import Coordinator
from tests.system.nodes import MODEL, NodeProcess, tiny_model

LARGE = Clip(frames=240, width=320, height=240, noise=True, audio="aac")
SLACK = 2 * 1024 * 1024
"""What was on its way when an attempt ended comes again."""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def coordinator(tmp_path: Path) -> Iterator[Coordinator]:
    """It cuts every two seconds."""
    with Coordinator(tmp_path / "coordinator", SEGMENT_SECONDS="2", HEARTBEAT_INTERVAL="1") as running:
        yield running
    assert running.program.complaints() == []


def fetched(node: NodeProcess) -> float:
    """Bytes, as the node counts them."""
    text = httpx.get(f"http://127.0.0.1:{node.port}/metrics", timeout=10).text
    found = re.search(r"^segfleet_node_fetched_bytes_total (\S+)$", text, re.MULTILINE)
    assert found is not None
    return float(found[1])


def test_the_segments_of_a_large_video_share_its_blocks_with_their_joining(
    coordinator: Coordinator, tmp_path: Path
) -> None:
    path = clips.write(tmp_path / "large.mp4", LARGE)
    size = path.stat().st_size
    with (
        NodeProcess(tmp_path, coordinator.url, tiny_model(tmp_path / "cache"), "one", push=False) as node,
        coordinator.administrator() as admin,
        coordinator.account("somebody") as user,
    ):
        node.online(admin)
        task_id = user.submit(user.upload(path)["id"], model=MODEL)
        task = user.ended(task_id, 120)
        assert task["state"] == "completed", task
        assert len(coordinator.rows("SELECT id FROM steps WHERE task_id = ?", task_id)) >= 4
        assert size <= fetched(node) < size + SLACK
        result = tmp_path / "result.mp4"
        result.write_bytes(user.get(task["results"]["composite"]["url"]).raise_for_status().content)
        assert independent_reader.frame_times(result).times == independent_reader.frame_times(path).times
        [kept] = (tmp_path / "one" / "node" / "cache").iterdir()
        assert kept.name == hashlib.sha256(path.read_bytes()).hexdigest()
        assert node.program.terminate() == 0
