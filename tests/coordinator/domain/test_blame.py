"""Whose fault it was, what that costs, and how long to wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.domain.blame import BACKOFF_MOST_S, Limits, Record, backoff, is_dead, is_input, must_run_alone
from protocol.states import ErrorClass

LIMITS = Limits(failures=3, losses=12)
jitters = st.floats(0, 1)
counts = st.integers(0, 50)


@pytest.mark.parametrize(
    ("record", "dead"),
    [
        (Record(2, 11, False), False),
        (Record(3, 0, False), True),
        (Record(0, 12, False), True),
        (Record(0, 0, True), True),
        (Record(2, 11, True), True),
        (Record(0, 0, False), False),
    ],
)
def test_each_bound_alone_gives_a_step_up(record: Record, dead: bool) -> None:
    assert is_dead(record, LIMITS) is dead


@given(counts, counts, st.booleans())
def test_more_blame_never_revives(failures: int, losses: int, bad_input: bool) -> None:
    less, more = Record(failures, losses, bad_input), Record(failures + 1, losses + 1, True)
    assert is_dead(less, LIMITS) <= is_dead(more, LIMITS)


@given(st.integers(1, 100), jitters)
def test_backoff_is_exponential_with_jitter_below_it(failures: int, jitter: float) -> None:
    full = min(BACKOFF_MOST_S, 2.0 ** (failures - 1))
    assert full / 2 <= backoff(failures, jitter) <= full


@given(st.integers(1, 99), jitters)
def test_a_later_try_waits_at_least_as_long_at_equal_jitter(failures: int, jitter: float) -> None:
    assert backoff(failures + 1, jitter) >= backoff(failures, jitter)


def test_nothing_failed_means_no_wait() -> None:
    assert backoff(0, 0.5) == 0.0


@pytest.mark.parametrize("error_class", ErrorClass)
def test_only_input_is_the_files_fault(error_class: ErrorClass) -> None:
    assert is_input({"error_class": str(error_class)}) is (error_class is ErrorClass.INPUT)
    assert not is_input({})


@given(counts)
def test_from_the_third_loss_on_a_step_runs_alone(losses: int) -> None:
    assert must_run_alone(losses) is (losses >= 3)
