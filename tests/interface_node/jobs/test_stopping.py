"""Every way in which an attempt, a lane or a node ends."""

from pathlib import Path

import pytest

from interface_node.jobs.ending import UNHEALTHY_EXIT
from protocol.interfaces import Drain
from protocol.states import Admission, Lane
from protocol.work import Assignment
from tests.fakes.coordinator import FakeCoordinator
from tests.fakes.running_node import RunningNode
from tests.fakes.work import CopyWork


def started(coordinator: FakeCoordinator, work: CopyWork) -> Assignment:
    """An attempt that holds its slot."""
    assignment = coordinator.offer(coordinator.assignment(b"picture"))
    coordinator.until(lambda: work.orders)
    return assignment


@pytest.mark.parametrize("way", ["delete", "callback", "heartbeat"])
def test_a_cancelled_attempt_says_so_and_gives_its_slot_back(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path, way: str
) -> None:
    work.hold()
    with RunningNode(tmp_path, coordinator.url, work) as node:
        assignment = started(coordinator, work)
        match way:
            case "delete":
                assert coordinator.cancel(node.url, assignment.attempt_id).status_code == 204
                assert coordinator.cancel(node.url, assignment.attempt_id).status_code == 204
            case "callback":
                coordinator.faults.cancelled.add(assignment.attempt_id)
            case _:
                coordinator.faults.cancelled_by_heartbeat.add(assignment.attempt_id)
        assert coordinator.end_of(assignment).kind == "cancelled"
        coordinator.until(lambda: not node.node.held())
        work.let_go()
        following = coordinator.offer(coordinator.assignment(b"next"))
        assert coordinator.end_of(following).kind == "completed"


def test_an_offer_that_comes_after_its_cancel_is_refused(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    coordinator.lane = Lane.PUSH
    with RunningNode(tmp_path, coordinator.url, work, pushed=True) as node:
        coordinator.until(lambda: coordinator.heartbeats)
        assignment = coordinator.assignment(b"picture")
        assert coordinator.cancel(node.url, assignment.attempt_id).status_code == 204
        late = coordinator.process(node.url, assignment)
        assert (late.status_code, late.json()["code"]) == (410, "gone")
    assert work.orders == []


@pytest.mark.parametrize("way", ["gone", "unknown"])
def test_an_attempt_that_is_over_is_dropped_without_a_word(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path, way: str
) -> None:
    work.hold()
    with RunningNode(tmp_path, coordinator.url, work) as node:
        assignment = started(coordinator, work)
        (coordinator.faults.gone if way == "gone" else coordinator.faults.unknown).add(assignment.attempt_id)
        coordinator.until(lambda: not node.node.desk.attempts)
        assert node.node.held() == ()
        coordinator.beats(2)
        assert coordinator.heartbeats[-1].attempts == ()
    assert coordinator.ended(assignment.attempt_id) is None


def test_an_outcome_survives_a_restart_and_is_named_until_it_is_acknowledged(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    assignment = coordinator.offer(coordinator.assignment(b"picture"))
    coordinator.faults.broken["callback"] = 1_000_000
    with RunningNode(tmp_path, coordinator.url, work) as node:
        coordinator.until(lambda: node.node.outbox.has(assignment.attempt_id))
        coordinator.until(lambda: any(one.outcome_pending for one in coordinator.heartbeats[-1].attempts))
    assert coordinator.ended(assignment.attempt_id) is None
    coordinator.faults.broken["callback"] = 0
    with RunningNode(tmp_path, coordinator.url, work) as node:
        assert coordinator.end_of(assignment).kind == "completed"
        coordinator.until(lambda: not node.node.held())
        assert coordinator.process(node.url, assignment).status_code == 202
    assert [one.attempt_id for one in coordinator.registrations[1].attempts] == [assignment.attempt_id]
    assert len(work.orders) == 1
    assert list((tmp_path / "node" / "outbox").iterdir()) == []


def test_an_outcome_that_nobody_wants_is_forgotten(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    work.hold()
    coordinator.faults.broken["callback"] = 1_000_000
    with RunningNode(tmp_path, coordinator.url, work) as node:
        assignment = started(coordinator, work)
        work.let_go()
        coordinator.until(lambda: node.node.outbox.has(assignment.attempt_id))
        coordinator.faults.gone.add(assignment.attempt_id)
        coordinator.faults.broken["callback"] = 0
        coordinator.until(lambda: not node.node.held())
    assert coordinator.ended(assignment.attempt_id) is None


def test_a_stopping_node_finishes_what_fits_and_leaves(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    work.hold()
    node = RunningNode(tmp_path, coordinator.url, work, NODE_DRAIN_SECONDS="20")
    with node:
        assignment = started(coordinator, work)
        node.ask_to_stop()
        coordinator.until(lambda: coordinator.heartbeats[-1].draining)
        work.let_go()
        assert coordinator.end_of(assignment).kind == "completed"
        coordinator.until(lambda: coordinator.leaves)
    assert coordinator.leaves[0].boot_id == coordinator.registrations[0].boot_id


def test_a_stopping_node_hands_back_what_does_not_fit(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    work.hold()
    with RunningNode(tmp_path, coordinator.url, work, NODE_DRAIN_SECONDS="0.1"):
        assignment = started(coordinator, work)
    assert coordinator.end_of(assignment).kind == "released"
    assert len(coordinator.leaves) == 1


def test_a_drained_node_hands_back_at_the_deadline_and_works_again_when_resumed(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    work.hold()
    with RunningNode(tmp_path, coordinator.url, work) as node:
        assignment = started(coordinator, work)
        coordinator.drain = Drain(deadline_s=0.3)
        assert coordinator.end_of(assignment).kind == "released"
        coordinator.until(lambda: node.node.membership.draining)
        polls = len(coordinator.polls)
        coordinator.beats(4)
        assert len(coordinator.polls) <= polls + 1
        coordinator.drain = None
        work.let_go()
        following = coordinator.offer(coordinator.assignment(b"next"))
        assert coordinator.end_of(following).kind == "completed"


def test_an_offer_to_a_draining_node_is_refused_and_a_known_one_gets_its_answer_again(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    work.hold()
    with RunningNode(tmp_path, coordinator.url, work, pushed=True, NODE_SLOTS="2") as node:
        coordinator.beats(1)
        known, late = coordinator.assignment(b"known"), coordinator.assignment(b"late")
        assert coordinator.process(node.url, known).status_code == 202
        coordinator.drain = Drain(deadline_s=60.0)
        coordinator.until(lambda: node.node.membership.draining)
        assert coordinator.process(node.url, late).status_code == 409
        assert coordinator.process(node.url, known).status_code == 202
        assert [attempt for attempt in node.node.desk.attempts if attempt == late.attempt_id] == []


def test_polling_waits_for_approval_and_stops_in_the_push_lane(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    coordinator.admission = Admission.PENDING
    with RunningNode(tmp_path, coordinator.url, work):
        coordinator.until(lambda: len(coordinator.heartbeats) > 2)
        assert coordinator.polls == []
        coordinator.admission = Admission.APPROVED
        coordinator.until(lambda: coordinator.polls)
        coordinator.lane = Lane.PUSH
        coordinator.beats(3)
        polls = len(coordinator.polls)
        coordinator.beats(3)
        assert len(coordinator.polls) <= polls + 1


def test_a_thread_that_ignores_its_cancel_ends_the_node_as_unhealthy(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    work.hold()
    work.deaf = True
    with RunningNode(tmp_path, coordinator.url, work) as node:
        assignment = started(coordinator, work)
        coordinator.cancel(node.url, assignment.attempt_id)
        coordinator.until(node.node.ending.begun.is_set)
        assert node.node.ending.code == UNHEALTHY_EXIT
        coordinator.until(lambda: coordinator.heartbeats[-1].health == "unhealthy")
        assert node.get("/health").status_code == 503
        assert coordinator.end_of(assignment).kind == "cancelled"
    assert len(coordinator.leaves) == 1
    work.let_go()


def test_an_attempt_that_stands_still_fails_for_lack_of_progress(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    work.hold()
    with RunningNode(tmp_path, coordinator.url, work, TASK_TIMEOUT="1000"):
        assignment = started(coordinator, work)
        ended = coordinator.end_of(assignment)
    assert ended.error is not None
    assert ended.error.code == "no_progress"


def test_a_revoked_node_ends(coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path) -> None:
    with RunningNode(tmp_path, coordinator.url, work) as node:
        coordinator.until(lambda: coordinator.heartbeats)
        coordinator.admission = Admission.REVOKED
        coordinator.until(node.node.ending.begun.is_set)
        assert (node.node.ending.code, node.node.ending.sentence) == (2, "An administrator revoked this node.")
