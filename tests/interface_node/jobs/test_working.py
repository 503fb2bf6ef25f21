"""An attempt from its offer to its acknowledged end."""

import os
from pathlib import Path

from protocol.states import ErrorClass, Lane, Output, StepKind
from protocol.work import ImageBackground, VideoBackground
from tests.fakes.coordinator import FakeCoordinator
from tests.fakes.coordinator_wire import TOKEN
from tests.fakes.running_node import RunningNode
from tests.fakes.work import CopyWork

MIB = 1024 * 1024


def test_work_from_the_pull_lane_ends_with_its_artifact_uploaded(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    data = os.urandom(3 * MIB)
    outputs = (Output.COMPOSITE, Output.MASK)
    assignment = coordinator.offer(coordinator.assignment(data, outputs=outputs))
    with RunningNode(tmp_path, coordinator.url, work):
        ended = coordinator.end_of(assignment)
    assert (ended.kind, ended.frames_done, ended.provider) == ("completed", 10, "CopyProvider")
    assert [one.output for one in ended.artifacts] == list(outputs)
    assert {one.sha256 for one in ended.artifacts} == {assignment.source.sha256}
    assert bytes(coordinator.artifacts[assignment.attempt_id, "composite"]) == data


def test_callbacks_come_from_the_beginning_with_rising_numbers(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    work.hold()
    assignment = coordinator.offer(coordinator.assignment(b"picture"))
    with RunningNode(tmp_path, coordinator.url, work):
        coordinator.until(lambda: len(coordinator.callbacks) >= 4)
        work.let_go()
        coordinator.end_of(assignment)
    numbers = [one.seq for one in coordinator.callbacks]
    assert numbers == sorted(set(numbers))
    assert {one.boot_id for one in coordinator.callbacks} == {coordinator.registrations[0].boot_id}
    assert coordinator.callbacks[3].stage == "process"
    assert coordinator.callbacks[3].frames_done == 1


def test_heartbeats_name_what_runs(coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path) -> None:
    work.hold()
    coordinator.heartbeat_s = 60.0
    coordinator.lease_s = 0.9
    assignment = coordinator.offer(coordinator.assignment(b"picture"))
    with RunningNode(tmp_path, coordinator.url, work):
        coordinator.until(lambda: sum(bool(one.attempts) for one in coordinator.heartbeats) >= 2)
        held = coordinator.heartbeats[-1].attempts
        assert [(one.attempt_id, one.outcome_pending) for one in held] == [(assignment.attempt_id, False)]
        work.let_go()
        coordinator.end_of(assignment)


def test_pushed_work_is_accepted_once_and_a_repeat_gets_the_same_answer(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    coordinator.lane = Lane.PUSH
    work.hold()
    with RunningNode(tmp_path, coordinator.url, work, pushed=True) as node:
        coordinator.until(lambda: coordinator.heartbeats)
        assignment = coordinator.assignment(b"picture")
        first = coordinator.process(node.url, assignment)
        again = coordinator.process(node.url, assignment)
        work.let_go()
        coordinator.end_of(assignment)
        late = coordinator.process(node.url, assignment)
        assert [one.status_code for one in (first, again, late)] == [202, 202, 202]
        assert first.json() == again.json() == late.json()
        assert first.json() == {"attempt_id": assignment.attempt_id, "boot_id": node.node.boot_id}
    assert len(work.orders) == 1
    assert coordinator.polls == []


def test_a_node_without_a_free_slot_is_busy_and_stays_by_that_answer(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    coordinator.lane = Lane.PUSH
    work.hold()
    with RunningNode(tmp_path, coordinator.url, work, pushed=True) as node:
        coordinator.until(lambda: coordinator.heartbeats)
        first, second = coordinator.assignment(b"one"), coordinator.assignment(b"two")
        assert coordinator.process(node.url, first).status_code == 202
        busy = coordinator.process(node.url, second)
        assert (busy.status_code, busy.json()["code"]) == (409, "node_busy")
        assert busy.headers["content-type"] == "application/problem+json"
        work.let_go()
        coordinator.end_of(first)
        assert coordinator.process(node.url, second).json()["code"] == "node_busy"


def test_two_slots_work_at_once(coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path) -> None:
    work.hold()
    offers = [coordinator.offer(coordinator.assignment(name)) for name in (b"one", b"two")]
    with RunningNode(tmp_path, coordinator.url, work, NODE_SLOTS="2"):
        coordinator.until(lambda: len(work.orders) == 2)
        assert {order.slot for order in work.orders} == {0, 1}
        work.let_go()
        for offer in offers:
            coordinator.end_of(offer)


def test_what_a_node_cannot_do_is_refused_in_the_push_lane_and_failed_in_the_pull_lane(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    moving = VideoBackground(source=coordinator.source(b"moving"))
    pulled = coordinator.offer(coordinator.assignment(b"picture", background=moving))
    with RunningNode(tmp_path, coordinator.url, work) as node:
        coordinator.end_of(pulled)
        pushed = coordinator.assignment(b"picture", kind=StepKind.ASSEMBLE)
        refused = coordinator.process(node.url, pushed)
        assert (refused.status_code, refused.json()["code"]) == (422, "unsupported_step")
    ended = coordinator.end_of(pulled)
    assert ended.error is not None
    assert (ended.error.code, ended.error.error_class) == ("unsupported_background", ErrorClass.UNSUPPORTED)


def test_an_address_outside_the_coordinator_is_refused(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    with RunningNode(tmp_path, coordinator.url, work) as node:
        coordinator.until(lambda: coordinator.heartbeats)
        source = coordinator.source(b"picture").model_copy(update={"url": "http://169.254.169.254/latest"})
        refused = coordinator.process(node.url, coordinator.assignment(b"picture", source=source))
        assert (refused.status_code, refused.json()["code"]) == (422, "address_refused")
        offsite = coordinator.assignment(b"picture", callback_url="//elsewhere.example/callback")
        assert coordinator.process(node.url, offsite).json()["code"] == "address_refused"


def test_a_source_is_fetched_once_and_with_its_background(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    background = ImageBackground(source=coordinator.source(b"a beach"))
    offers = [coordinator.offer(coordinator.assignment(b"picture", background=background)) for _ in range(2)]
    with RunningNode(tmp_path, coordinator.url, work):
        for offer in offers:
            coordinator.end_of(offer)
    assert coordinator.tokens == [f"Bearer {TOKEN}"] * 2
    assert work.backgrounds == [b"a beach"] * 2


def test_a_download_that_breaks_goes_on_where_it_was(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    coordinator.serving.cut = 2
    coordinator.faults.broken["file"] = 1
    assignment = coordinator.offer(coordinator.assignment(os.urandom(2 * MIB)))
    with RunningNode(tmp_path, coordinator.url, work):
        ended = coordinator.end_of(assignment)
    assert ended.artifacts[0].sha256 == assignment.source.sha256
    assert len(coordinator.tokens) == 3


def test_other_bytes_than_promised_fail_the_attempt(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    assignment = coordinator.assignment(b"picture")
    coordinator.files[assignment.source.sha256] = b"PICTURE"
    coordinator.offer(assignment)
    with RunningNode(tmp_path, coordinator.url, work):
        ended = coordinator.end_of(assignment)
    assert ended.error is not None
    assert (ended.kind, ended.error.code, ended.error.error_class) == ("failed", "source_mismatch", ErrorClass.NODE)
    assert work.orders == []


def test_the_token_does_not_follow_a_redirect_to_another_origin(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    with FakeCoordinator() as storage:
        assignment = coordinator.offer(coordinator.assignment(b"picture"))
        storage.source(b"picture")
        coordinator.redirect_to = storage.url
        with RunningNode(tmp_path, coordinator.url, work):
            coordinator.end_of(assignment)
        assert coordinator.tokens == [f"Bearer {TOKEN}"]
        assert storage.tokens == [None]


def test_an_upload_goes_on_where_the_coordinator_stands(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    coordinator.faults.lost_pieces = 2
    coordinator.faults.broken["received"] = 1
    data = os.urandom(3 * MIB)
    assignment = coordinator.offer(coordinator.assignment(data))
    with RunningNode(tmp_path, coordinator.url, work):
        coordinator.end_of(assignment)
    assert bytes(coordinator.artifacts[assignment.attempt_id, "composite"]) == data
    starts = [start for start, _total in coordinator.pieces]
    assert starts == sorted(set(starts))


def test_a_mistake_of_ours_is_reported_too_and_holds_no_slot(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    work.breaks, work.error = True, AttributeError("no such thing")
    assignment = coordinator.offer(coordinator.assignment(b"picture"))
    with RunningNode(tmp_path, coordinator.url, work) as node:
        ended = coordinator.end_of(assignment)
        coordinator.until(lambda: not node.node.desk.attempts)
    assert ended.error is not None
    assert (ended.error.code, ended.error.error_class) == ("internal", ErrorClass.INTERNAL)
    assert ended.error.detail == "AttributeError: no such thing"


def test_a_broken_file_is_reported_with_whose_fault_it_is(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    work.breaks = True
    assignment = coordinator.offer(coordinator.assignment(b"picture"))
    with RunningNode(tmp_path, coordinator.url, work):
        ended = coordinator.end_of(assignment)
    assert ended.error is not None
    assert (ended.error.code, ended.error.error_class, ended.error.retryable) == (
        "broken_media",
        ErrorClass.INPUT,
        False,
    )
    assert list((tmp_path / "node" / "work").iterdir()) == []
