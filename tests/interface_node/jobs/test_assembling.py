"""The `assemble` step of a node: its own parts are used, others fetched, and it takes no slot."""

import hashlib
import time
from dataclasses import replace
from pathlib import Path

import pytest

from interface_node.jobs.pipeline_work import PipelineWork, devices_of
from protocol.states import ErrorClass
from tests import clips
from tests import independent_reader as reader
from tests.clips import Clip
from tests.fakes.coordinator import FakeCoordinator
from tests.fakes.running_node import PACE, RunningNode
from tests.fakes.work import CopyWork
from tests.interface_node.jobs.assembling import OUTPUTS, joining, joining_of, segments
from tests.system.patience import busy


@pytest.fixture
def pipeline(cache: Path, selfie_path: Path) -> PipelineWork:
    """The default model on the CPU, cold."""
    assert selfie_path.is_file()
    return PipelineWork(cache, devices_of("cpu"))


def kept(home: Path) -> list[Path]:
    """The parts on the disk of a node."""
    return sorted((home / "node" / "parts").glob("*/*"))


def test_a_node_joins_what_it_made_without_a_download_and_forgets_it_then(
    coordinator: FakeCoordinator, pipeline: PipelineWork, tmp_path: Path
) -> None:
    video = clips.write(tmp_path / "a.mp4", Clip(audio="aac"))
    with RunningNode(tmp_path, coordinator.url, pipeline):
        done = segments(coordinator, video, (9,))
        coordinator.until(lambda: len(kept(tmp_path)) == 4)
        asked = len(coordinator.tokens)
        step = coordinator.offer(joining(coordinator, video, done))
        ended = coordinator.end_of(step)
        assert ended.kind == "completed", ended.error
        assert len(coordinator.tokens) == asked
        coordinator.until(lambda: not kept(tmp_path))
    assert [(one.output, one.frames, one.first_pts, one.last_pts) for one in ended.artifacts] == [
        (one, 24, 0, 11776) for one in OUTPUTS
    ]
    assert None not in {one.extradata_sha256 for one in ended.artifacts}
    assert ended.frames_done == 0
    joined = tmp_path / "joined.mp4"
    joined.write_bytes(coordinator.artifacts[step.attempt_id, "composite"])
    assert reader.frame_times(joined).times == reader.frame_times(video).times
    assert reader.packet_hashes(joined, "a") == reader.packet_hashes(video, "a")


def test_another_node_fetches_the_parts_once_and_a_damaged_copy_is_fetched_again(
    coordinator: FakeCoordinator, pipeline: PipelineWork, tmp_path: Path
) -> None:
    video = clips.write(tmp_path / "a.mp4")
    with RunningNode(tmp_path / "one", coordinator.url, pipeline):
        done = segments(coordinator, video, (9,))
        coordinator.until(lambda: len(kept(tmp_path / "one")) == 4)
    damaged = kept(tmp_path / "one")[0]
    damaged.write_bytes(b"?" * damaged.stat().st_size)
    for home, fetched in (("one", 1), ("two", 5)):
        asked = len(coordinator.tokens)
        with RunningNode(tmp_path / home, coordinator.url, pipeline):
            # The last poll of the node before would otherwise take the offer with it.
            polled = len(coordinator.polls)
            coordinator.until(lambda: len(coordinator.polls) > polled + 1)  # noqa: B023 - called at once
            ended = coordinator.end_of(coordinator.offer(joining(coordinator, video, done)))
        assert ended.kind == "completed", ended.error
        assert len(coordinator.tokens) == asked + fetched


def test_a_part_that_is_not_what_was_promised_is_the_nodes_matter(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    step = joining_of(coordinator, [b"one", b"two"])
    coordinator.files[hashlib.sha256(b"two").hexdigest()] = b"too"
    with RunningNode(tmp_path, coordinator.url, work):
        ended = coordinator.end_of(coordinator.offer(step))
    assert ended.error is not None
    assert (ended.kind, ended.error.code, ended.error.error_class) == ("failed", "source_mismatch", ErrorClass.NODE)
    assert work.orders == []


def test_a_joining_is_taken_beside_full_slots_and_only_one_at_a_time(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    work.hold()
    with RunningNode(tmp_path, coordinator.url, work, NODE_SLOTS="1"):
        busy = coordinator.offer(coordinator.assignment(b"a segment"))
        coordinator.until(lambda: len(work.orders) == 1)
        coordinator.until(lambda: (coordinator.polls[-1].free_slots, coordinator.polls[-1].light_slots) == (0, 1))
        first = coordinator.offer(joining_of(coordinator, [b"one", b"two"]))
        second = coordinator.offer(joining_of(coordinator, [b"one", b"three"]))
        coordinator.until(lambda: len(work.orders) == 2)
        held = {busy.attempt_id, first.attempt_id}
        coordinator.until(lambda: {one.attempt_id for one in coordinator.heartbeats[-1].attempts} == held)
        assert list(coordinator.offers) == [second]
        work.let_go()
        assert [coordinator.end_of(step).kind for step in (busy, first, second)] == ["completed"] * 3
    assert coordinator.artifacts[second.attempt_id, "composite"] == b"onethree"


def test_a_pushed_joining_is_taken_beside_full_slots_and_a_second_is_refused(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    work.hold()
    with RunningNode(tmp_path, coordinator.url, work, pushed=True, NODE_SLOTS="1") as node:
        coordinator.until(lambda: coordinator.rows)
        coordinator.beats(1)
        pushed = [
            coordinator.assignment(b"a segment"),
            joining_of(coordinator, [b"one"]),
            joining_of(coordinator, [b"two"]),
            coordinator.assignment(b"another"),
        ]
        answers = [coordinator.process(node.url, step) for step in pushed]
        assert [one.status_code for one in answers] == [202, 202, 409, 409]
        assert {one.json()["code"] for one in answers[2:]} == {"node_busy"}
        work.let_go()
        assert coordinator.end_of(pushed[1]).kind == "completed"


def test_parts_stay_until_the_joining_is_acknowledged_also_by_a_later_run_of_the_node(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    work.hold()
    with RunningNode(tmp_path, coordinator.url, work):
        step = coordinator.offer(joining_of(coordinator, [b"one", b"two"]))
        coordinator.until(lambda: work.orders)
        coordinator.faults.broken["callback"] = 1_000_000
        work.let_go()
        coordinator.until(lambda: coordinator.artifacts[step.attempt_id, "composite"] == b"onetwo")
    assert sorted(path.read_bytes() for path in kept(tmp_path)) == [b"one", b"two"]
    coordinator.faults.broken["callback"] = 0
    with RunningNode(tmp_path, coordinator.url, work):
        assert coordinator.end_of(step).kind == "completed"
        coordinator.until(lambda: not kept(tmp_path))


def test_a_cancelled_joining_ends_soon_and_frees_its_place(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    work.hold()
    with RunningNode(tmp_path, coordinator.url, work) as node:
        step = coordinator.offer(joining_of(coordinator, [b"one"]))
        coordinator.until(lambda: work.orders)
        coordinator.cancel(node.url, step.attempt_id)
        assert coordinator.end_of(step).kind == "cancelled"
        coordinator.until(lambda: coordinator.polls[-1].light_slots == 1)
    assert list((tmp_path / "node" / "work").glob("*")) == []


def test_a_slot_that_comes_free_is_not_kept_waiting_by_a_poll_for_joinings(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    work.hold()
    coordinator.longest_poll_s = 4.0
    with RunningNode(tmp_path, coordinator.url, work, pace=replace(PACE, poll_s=4.0), NODE_SLOTS="1"):
        first = coordinator.offer(coordinator.assignment(b"a segment"))
        coordinator.until(lambda: coordinator.polls and coordinator.polls[-1].free_slots == 0)
        work.let_go()
        assert coordinator.end_of(first).kind == "completed"
        began = time.monotonic()
        second = coordinator.offer(coordinator.assignment(b"another"))
        assert coordinator.end_of(second).kind == "completed"
        assert time.monotonic() - began < busy(2)


def test_a_node_does_not_hurry_an_elder_coordinator_that_answers_at_once(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    work.hold()
    coordinator.faults.hasty = True
    with RunningNode(tmp_path, coordinator.url, work, NODE_SLOTS="1"):
        coordinator.offer(coordinator.assignment(b"a segment"))
        coordinator.until(lambda: coordinator.polls and coordinator.polls[-1].free_slots == 0)
        asked = len(coordinator.polls)
        coordinator.beats(5)
        assert len(coordinator.polls) <= asked + 1
        work.let_go()
