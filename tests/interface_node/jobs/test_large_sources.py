"""A node that works on a segment of a large video: what it fetches, and how it is stopped while it waits for bytes."""

import time
from pathlib import Path

import pytest

from interface_node.jobs.pipeline_work import PipelineWork, devices_of
from interface_node.pipeline.source import scan
from protocol.states import ErrorClass
from protocol.work import Assignment, FrameRange
from tests import clips
from tests.clips import Clip
from tests.fakes.coordinator import FakeCoordinator
from tests.fakes.coordinator_wire import CLUSTER
from tests.fakes.running_node import RunningNode
from tests.system.nodes import MODEL, NodeProcess, tiny_model
from tests.system.patience import busy

TICKS = 512
FRAMES = 240


class Large:
    """A video of ten megabytes, ten seconds, that a coordinator has; `cache` holds a model of a few bytes."""

    def __init__(self, home: Path) -> None:
        self.path = clips.write(home / "large.mp4", Clip(frames=FRAMES, width=320, height=240, noise=True))
        self.data = self.path.read_bytes()
        self.plan = scan(self.path).whole()
        self.cache = tiny_model(home / "cache")

    def segment(self, coordinator: FakeCoordinator, first: int, last: int) -> Assignment:
        """An assignment of these frames."""
        return coordinator.assignment(self.data, range=self.span(first, last), model=MODEL)

    def span(self, first: int, last: int) -> FrameRange:
        """As a plan has them."""
        ends = {"start_pts": first * TICKS, "end_pts": last * TICKS}
        own = {"frames": last - first, "first_pts": first * TICKS, "last_pts": (last - 1) * TICKS}
        return self.plan.model_copy(update={**ends, **own})

    def work(self) -> PipelineWork:
        """The real one."""
        return PipelineWork(self.cache, devices_of("cpu"))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Large:
    """Made once."""
    return Large(tmp_path_factory.mktemp("large"))


def test_a_segment_costs_its_own_bytes_and_every_frame_is_there(
    coordinator: FakeCoordinator, large: Large, tmp_path: Path
) -> None:
    assignment = coordinator.offer(large.segment(coordinator, 96, 144))
    with RunningNode(tmp_path, coordinator.url, large.work()):
        ended = coordinator.end_of(assignment)
    assert ended.kind == "completed", ended.error
    made = ended.artifacts[0]
    assert (made.frames, made.first_pts, made.last_pts) == (48, 96 * TICKS, 143 * TICKS)
    assert coordinator.serving.bytes_sent < 0.6 * len(large.data)


def test_a_whole_video_is_fetched_whole(coordinator: FakeCoordinator, large: Large, tmp_path: Path) -> None:
    assignment = coordinator.offer(coordinator.assignment(large.data, range=large.plan, model=MODEL))
    with RunningNode(tmp_path, coordinator.url, large.work()):
        ended = coordinator.end_of(assignment)
    assert (ended.kind, ended.artifacts[0].frames) == ("completed", FRAMES)
    assert coordinator.serving.bytes_sent == len(large.data)
    [kept] = (tmp_path / "node" / "cache").iterdir()
    assert kept.name == assignment.source.sha256


def test_a_node_that_waits_for_bytes_is_cancelled_within_three_seconds(
    coordinator: FakeCoordinator, large: Large, tmp_path: Path
) -> None:
    coordinator.serving.free.clear()
    assignment = coordinator.offer(large.segment(coordinator, 96, 144))
    with RunningNode(tmp_path, coordinator.url, large.work()) as node:
        coordinator.until(lambda: any(attempt.starved for attempt in node.node.desk.attempts.values()))
        began = time.monotonic()
        coordinator.faults.cancelled.add(assignment.attempt_id)
        assert coordinator.end_of(assignment).kind == "cancelled"
        assert time.monotonic() - began < busy(3)
        assert node.node.healthy
    coordinator.serving.free.set()


def test_an_attempt_that_ends_elsewhere_is_dropped_while_it_reads(
    coordinator: FakeCoordinator, large: Large, tmp_path: Path
) -> None:
    coordinator.serving.free.clear()
    assignment = coordinator.offer(large.segment(coordinator, 96, 144))
    with RunningNode(tmp_path, coordinator.url, large.work()) as node:
        coordinator.until(lambda: any(attempt.starved for attempt in node.node.desk.attempts.values()))
        coordinator.faults.gone_tokens.add(assignment.attempt_token)
        coordinator.serving.free.set()
        coordinator.until(lambda: not node.node.desk.attempts)
        assert coordinator.ended(assignment.attempt_id) is None


def test_bytes_that_never_come_are_a_standstill(coordinator: FakeCoordinator, large: Large, tmp_path: Path) -> None:
    coordinator.serving.free.clear()
    assignment = coordinator.offer(large.segment(coordinator, 96, 144))
    with RunningNode(tmp_path, coordinator.url, large.work(), TASK_TIMEOUT="1000"):
        ended = coordinator.end_of(assignment)
    coordinator.serving.free.set()
    assert ended.error is not None
    assert (ended.error.code, ended.error.error_class, ended.stage) == ("no_progress", ErrorClass.NODE, "fetch")


def test_a_node_that_was_killed_goes_on_with_the_blocks_it_had(
    coordinator: FakeCoordinator, large: Large, tmp_path: Path
) -> None:
    cluster = {"INTERFACE_IDENTIFICATION": CLUSTER}
    node = NodeProcess(tmp_path, coordinator.url, large.cache, "killed", push=False, **cluster)
    with node:
        coordinator.end_of(coordinator.offer(large.segment(coordinator, 96, 144)))
        node.program.kill()
        before = coordinator.serving.bytes_sent
        node.program.start()
        coordinator.until(lambda: len(coordinator.registrations) == 2)  # the dead one's poll would take the offer
        ended = coordinator.end_of(coordinator.offer(large.segment(coordinator, 100, 140)))
        assert ended.kind == "completed", ended.error
        assert coordinator.serving.bytes_sent - before < 1.5 * 1024 * 1024
        assert node.program.terminate() == 0
