"""What the simulator's ledger counts as a word of a node."""

import pytest

from protocol.base import AttemptId, InterfaceId
from protocol.interfaces import Heartbeat, HeartbeatReply, HeldAttempt
from protocol.reports import Callback, CallbackReply
from protocol.states import Admission, Lane
from scripts.faults.ledger import Ledger
from scripts.faults.virtual_time import Machine

KEY = AttemptId("a1")
WANTED = HeartbeatReply(
    commands=(), admission=Admission.APPROVED, lane=Lane.PULL, unknown_attempts=(), next_heartbeat_s=3, server_time=0
).model_dump_json()
GO_ON = CallbackReply(command="continue").model_dump_json()


@pytest.fixture
def ledger() -> Ledger:
    """An empty one, a second after the run began."""
    ledger = Ledger(Machine(0), 10.0)
    ledger.machine.elapsed = 1.0
    return ledger


def heartbeat(seq: int) -> bytes:
    """It names the attempt."""
    held = (HeldAttempt(attempt_id=KEY, frames_done=0),)
    return Heartbeat(interface_id=InterfaceId("i1"), boot_id="b1", seq=seq, attempts=held).model_dump_json().encode()


def callback(seq: int) -> bytes:
    """Progress of the attempt."""
    said = Callback(
        attempt_id=KEY, boot_id="b1", seq=seq, kind="progress", stage="process", done=0, total=9, frames_done=0,
        frames_total=9,
    )  # fmt: skip
    return said.model_dump_json().encode()


def test_a_repeat_or_an_older_heartbeat_renews_no_lease(ledger: Ledger) -> None:
    ledger.beaten(heartbeat(2), WANTED)
    ledger.machine.elapsed = 8.0
    for seq in (2, 1):
        ledger.beaten(heartbeat(seq), WANTED)
    assert ledger.heard_at == {KEY: 1.0}
    ledger.beaten(heartbeat(3), WANTED)
    assert ledger.heard_at == {KEY: 8.0}


def test_a_repeat_or_an_older_callback_renews_no_lease(ledger: Ledger) -> None:
    ledger.called_back(callback(2), GO_ON)
    ledger.machine.elapsed = 8.0
    for seq in (2, 1):
        ledger.called_back(callback(seq), GO_ON)
    assert ledger.heard_at == {KEY: 1.0}
    ledger.called_back(callback(3), GO_ON)
    assert ledger.heard_at == {KEY: 8.0}


def test_a_node_that_comes_back_as_another_is_found(ledger: Ledger) -> None:
    ledger.joined("node-0", "i1", "b1", 1)
    ledger.joined("node-0", "i1", "b2", 1)
    assert ledger.findings == []
    ledger.joined("node-0", "i2", "b3", 1)
    assert ledger.findings == ["1.000 s: node-0 joined as a stranger"]
