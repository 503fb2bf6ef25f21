"""Use of users, as one number that orders them without being refreshed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.domain.fairness import HALF_LIFE_S, cap, charged, corrected, use

NOW = 1_800_000_000.0
spans = st.floats(0, 10 * HALF_LIFE_S)
amounts = st.floats(0.01, 1e6)
scores = st.floats(0.01, 1e6).map(lambda seconds: charged(0.0, seconds, NOW))


@given(amounts, amounts)
def test_use_adds_up(first: float, second: float) -> None:
    score = charged(charged(0.0, first, NOW), second, NOW)
    assert use(score, NOW) == pytest.approx(first + second, rel=1e-6, abs=1e-5)


@given(amounts, spans)
def test_use_halves_with_every_half_life_and_nobody_writes_anything(seconds: float, later: float) -> None:
    score = charged(0.0, seconds, NOW)
    assert use(score, NOW + later) == pytest.approx(seconds * 2 ** (-later / HALF_LIFE_S), rel=1e-5, abs=1e-5)


@given(scores, scores, spans)
def test_the_order_of_two_users_does_not_change_by_waiting(one: float, other: float, later: float) -> None:
    if one < other:
        assert use(one, NOW + later) <= use(other, NOW + later)


@given(scores, amounts, spans)
def test_who_is_charged_goes_back_and_who_never_used_anything_goes_first(score: float, more: float, at: float) -> None:
    assert charged(score, more, NOW + at) > score
    assert score > 0.0


@given(scores, amounts, amounts, st.floats(0, HALF_LIFE_S))
def test_a_correction_leaves_what_really_was_used(score: float, guess: float, real: float, spent: float) -> None:
    told = corrected(charged(score, guess, NOW), guess, NOW, real, NOW + spent)
    assert use(told, NOW + spent) == pytest.approx(
        use(charged(score, real, NOW + spent), NOW + spent), rel=1e-3, abs=1e-3
    )


def test_a_refund_never_makes_a_creditor() -> None:
    assert use(corrected(charged(0.0, 5.0, NOW), 50.0, NOW, 0.0, NOW), NOW) == pytest.approx(0.0, abs=1e-5)


def test_a_clock_at_zero_works() -> None:
    assert use(charged(0.0, 3.0, 0.0), 0.0) == pytest.approx(4.0)


@given(st.integers(0, 1000))
def test_the_cap_leaves_somebody_else_room_whenever_there_is_more_than_one_slot(slots: int) -> None:
    assert 1 <= cap(slots) <= max(1, slots)
    assert slots < 2 or slots - cap(slots) >= slots // 2
