"""What a coordinator notices of its own hiccups."""

import pytest

from coordinator.services import doubt
from coordinator.services.doubt import Pulse
from coordinator.store import attempts
from coordinator.store.tables import Attempts
from tests.coordinator.world import RULES, World

LEASE_S = 30.0


def test_the_first_look_is_a_reason_and_steady_ones_are_none() -> None:
    pulse = Pulse()
    looks = [pulse.feel(100.0 + turn, 5000.0 + turn, LEASE_S) for turn in range(4)]
    assert looks == ["started", None, None, None]


@pytest.mark.parametrize(
    ("ticked", "clock", "reason"),
    [(16.0, 16.0, "late"), (600.0, 600.0, "late"), (1.0, 61.0, "clock"), (1.0, -59.0, "clock"), (14.0, 14.0, None)],
)
def test_standing_still_and_a_clock_that_was_set_are_reasons(ticked: float, clock: float, reason: str | None) -> None:
    pulse = Pulse()
    pulse.feel(100.0, 5000.0, LEASE_S)
    assert pulse.feel(100.0 + ticked, 5000.0 + clock, LEASE_S) == reason
    assert pulse.feel(101.0 + ticked, 5001.0 + clock, LEASE_S) is None


def test_after_a_clock_was_set_back_no_lease_lasts_longer_than_a_lease(world: World) -> None:
    world.task()
    world.node()
    attempt_id = world.running()
    now = world.database.look(lambda work: work.now)
    world.set(Attempts, attempt_id, lease_until=now + 3600)
    world.run(lambda work: doubt.doubt(work, RULES, "clock"))
    assert world.attempt(attempt_id).lease_until < now + RULES.lease_s + 60
    assert world.database.look(doubt.in_doubt)


def test_a_doubt_ends_no_lease_that_is_short_already(world: World) -> None:
    world.task()
    world.node()
    attempt_id = world.running()
    world.set(Attempts, attempt_id, lease_until=1.0)
    world.run(lambda work: attempts.shorten(work, work.now + RULES.lease_s))
    assert world.attempt(attempt_id).lease_until == 1.0
