"""How a node becomes a member, and stays the same one."""

import json
import stat
from pathlib import Path

import pytest

from protocol import signing
from protocol.states import Lane
from tests.fakes.coordinator import FakeCoordinator
from tests.fakes.running_node import RunningNode
from tests.fakes.work import CopyWork


def test_a_node_joins_with_what_it_is_and_then_beats(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    with RunningNode(tmp_path, coordinator.url, work) as node:
        coordinator.until(lambda: coordinator.heartbeats)
        said = coordinator.registrations[0]
        assert (said.name, said.slots, said.address) == ("test", 1, None)
        assert [model.name for model in said.models] == ["selfie"]
        assert coordinator.heartbeats[0].boot_id == said.boot_id == node.node.boot_id
        assert (coordinator.heartbeats[0].disk_free_mb or 0) > 0


def test_a_restarted_node_keeps_its_row_under_another_boot_id(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    for _ in range(3):
        with RunningNode(tmp_path, coordinator.url, work):
            coordinator.beats(1)
    assert len(coordinator.rows) == 1
    assert len({one.node_id for one in coordinator.registrations}) == 1
    assert len({one.boot_id for one in coordinator.registrations}) == 3


def test_the_identity_is_readable_by_its_owner_only_and_forgets_a_secret_that_was_replaced(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    for _ in range(2):
        with RunningNode(tmp_path, coordinator.url, work):
            coordinator.beats(1)
    path = tmp_path / "node" / "identity.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    row = next(iter(coordinator.rows.values()))
    assert json.loads(path.read_text())["secrets"] == [row.secret]


def test_a_node_that_was_forgotten_registers_again_and_goes_on(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    with RunningNode(tmp_path, coordinator.url, work):
        coordinator.until(lambda: coordinator.heartbeats)
        coordinator.rows.clear()
        coordinator.until(lambda: len(coordinator.registrations) == 2)
        coordinator.beats(1)
    assert coordinator.registrations[0].node_id == coordinator.registrations[1].node_id


def test_a_node_waits_for_a_coordinator_that_is_not_there_yet(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    coordinator.faults.broken["register"] = 2
    with RunningNode(tmp_path, coordinator.url, work):
        coordinator.until(lambda: coordinator.heartbeats)
    assert len(coordinator.registrations) == 1


def test_a_node_signs_with_the_coordinators_clock_whatever_its_own_says(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    with RunningNode(tmp_path, coordinator.url, work):
        coordinator.until(lambda: coordinator.heartbeats)
        coordinator.clock_offset = 90_000.0
        coordinator.beats(1)
    assert len(coordinator.registrations) == 1


def test_a_restart_with_a_wrong_clock_keeps_the_row(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    coordinator.clock_offset = -90_000.0
    for _ in range(2):
        with RunningNode(tmp_path, coordinator.url, work):
            coordinator.beats(1)
    assert len(coordinator.rows) == 1


def test_a_node_proves_its_identity_to_whoever_asks(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    coordinator.lane = Lane.PUSH
    with RunningNode(tmp_path, coordinator.url, work, pushed=True) as node:
        coordinator.until(lambda: coordinator.heartbeats)
        found = node.get("/identity?nonce=0123456789abcdef").json()
        row = next(iter(coordinator.rows.values()))
        assert found["proof"] == signing.identity_proof(row.secret, "0123456789abcdef")
        assert found["node_id"] == row.node_id
        assert str(coordinator.registrations[0].address).rstrip("/") == node.url


def test_a_node_whose_secret_is_worth_nothing_any_more_joins_as_a_new_one(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    with RunningNode(tmp_path, coordinator.url, work):
        coordinator.beats(1)
        next(iter(coordinator.rows.values())).secret = "restored from an old backup"
        coordinator.until(lambda: len(coordinator.rows) == 2)
        coordinator.beats(1)
    assert len({one.node_id for one in coordinator.registrations}) == 1


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("duplicate_identity", "SEGFLEET_HOME of its own"),
        ("unsupported_protocol", "upgrade the older"),
        ("revoked", "An administrator revoked this node"),
        ("address_refused", "correct it, or leave it empty"),
        ("forbidden", "The coordinator refuses this node: forbidden"),
    ],
)
def test_a_refusal_that_stays_ends_the_node_with_a_sentence(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path, code: str, words: str
) -> None:
    coordinator.faults.refused_registration = code
    with RunningNode(tmp_path, coordinator.url, work) as node:
        coordinator.until(node.node.ending.begun.is_set)
        assert node.node.ending.code == 2
        assert words in node.node.ending.sentence


def test_a_refused_cluster_string_ends_the_node_with_a_sentence(
    coordinator: FakeCoordinator, work: CopyWork, tmp_path: Path
) -> None:
    with RunningNode(tmp_path, coordinator.url, work, INTERFACE_IDENTIFICATION="another string") as node:
        coordinator.until(node.node.ending.begun.is_set)
        assert node.node.ending.code == 2
        assert "INTERFACE_IDENTIFICATION" in node.node.ending.sentence
    assert coordinator.registrations == []
