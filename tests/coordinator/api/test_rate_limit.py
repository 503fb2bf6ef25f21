from hypothesis import given
from hypothesis import strategies as st

from coordinator.api.rate_limit import SWEEP_AT, Meter


def test_a_burst_is_fine_and_then_a_request_at_a_time() -> None:
    meter = Meter("6/minute")
    assert [meter.wait_s("a", 100.0) for _ in range(6)] == [0.0] * 6
    assert meter.wait_s("a", 100.0) == 10.0
    assert meter.wait_s("a", 109.0) == 1.0
    assert meter.wait_s("a", 110.0) == 0.0
    assert meter.wait_s("a", 110.0) == 10.0
    assert meter.wait_s("b", 110.0) == 0.0


def test_what_costs_more_is_counted_as_so_many_and_what_costs_nothing_is_always_fine() -> None:
    meter = Meter("6/minute")
    assert meter.wait_s("a", 0.0, 5) == 0.0
    assert meter.wait_s("a", 0.0, 3) == 20.0
    assert meter.wait_s("a", 0.0, 1) == 0.0
    assert [meter.wait_s("a", 0.0, cost) for cost in (0, 1, 0)] == [0.0, 10.0, 0.0]


def test_the_tightest_of_several_limits_counts() -> None:
    meter = Meter("2/second; 3/minute")
    assert [meter.wait_s("a", 0.0) for _ in range(2)] == [0.0, 0.0]
    assert meter.wait_s("a", 0.0) == 0.5
    assert meter.wait_s("a", 1.0) == 0.0
    assert meter.wait_s("a", 2.0) > 10


def test_who_rests_is_forgotten() -> None:
    meter = Meter("10/minute")
    for n in range(3 * SWEEP_AT):
        assert meter.wait_s(f"address {n}", n * 0.01) == 0.0
    assert len(meter) < 2 * SWEEP_AT


@given(st.lists(st.floats(0, 5), max_size=80), st.integers(1, 10), st.integers(1, 20))
def test_no_stretch_of_time_lets_more_through_than_allowance_and_refill(
    pauses: list[float], amount: int, period: int
) -> None:
    meter, now = Meter(f"{amount}/{period} second"), 0.0
    passed: list[float] = []
    for pause in pauses:
        now += pause
        if not meter.wait_s("a", now):
            passed.append(now)
    for first, began in enumerate(passed):
        for last in range(first, len(passed)):
            allowed = amount + (passed[last] - began) * amount / period
            assert last - first + 1 <= allowed + 1e-6


@given(st.lists(st.floats(0, 5), min_size=1, max_size=40))
def test_who_waits_as_long_as_told_is_let_in(pauses: list[float]) -> None:
    meter, now = Meter("3/10 second"), 0.0
    for pause in pauses:
        now += pause
        wait = meter.wait_s("a", now)
        if wait:
            now += wait
            assert meter.wait_s("a", now) == 0.0
