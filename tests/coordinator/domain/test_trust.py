"""Who is to blame for a failure: the node, the task, or nobody yet."""

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.domain import trust
from coordinator.domain.trust import Strike, Verdict, Weight
from protocol.states import ErrorClass

OPEN, STRUCK, PROVED = Weight.OPEN, Weight.STRUCK, Weight.PROVED
strikes = st.builds(Strike, st.sampled_from("abcdef"), st.sampled_from("TUV"), st.sampled_from(Weight))
records = st.lists(strikes, max_size=8)


def record(*steps: str) -> list[Strike]:
    """`aT` is step a of task T; `aT!` was proved, `aT-` struck off."""
    weights = {"": OPEN, "!": PROVED, "-": STRUCK}
    return [Strike(one[0], one[1], weights[one[2:]]) for one in steps]


@pytest.mark.parametrize(
    ("found", "elsewhere", "verdict"),
    [
        (record("aT", "bT"), "", Verdict(2, frozenset())),
        (record("aT", "aT", "aT"), "", Verdict(1, frozenset())),
        (record("aT", "bT", "cT"), "", Verdict(3, frozenset())),
        (record("aT", "bU", "cV"), "", Verdict(3, frozenset())),
        (record("aT", "bT", "cT"), "T", Verdict(0, frozenset("T"))),
        (record("aT", "bT", "cU"), "T", Verdict(1, frozenset("T"))),
        (record("aT", "bT"), "T", Verdict(2, frozenset())),
        (record("aT", "bU", "cU", "dU"), "T", Verdict(4, frozenset())),
        (record("aT!", "bT!", "cT!"), "T", Verdict(3, frozenset())),
        (record("aT-", "bU", "cU"), "", Verdict(2, frozenset())),
    ],
)
def test_three_different_steps_speak_against_a_node_unless_their_tasks_failed_elsewhere(
    found: list[Strike], elsewhere: str, verdict: Verdict
) -> None:
    assert trust.judge(found, set(elsewhere)) == verdict


@given(records, st.sets(st.sampled_from("TUV")))
def test_either_the_node_or_tasks_are_to_blame_and_never_both(found: list[Strike], elsewhere: set[str]) -> None:
    verdict = trust.judge(found, elsewhere)
    assert not (verdict.distrusted and verdict.suspects)
    assert verdict.suspects <= elsewhere
    assert verdict.strikes <= len({one.step_id for one in found})


@given(records, st.sets(st.sampled_from("TUV")))
def test_once_suspects_are_struck_off_the_record_is_judged_as_before(found: list[Strike], elsewhere: set[str]) -> None:
    verdict = trust.judge(found, elsewhere)

    def off(one: Strike) -> Strike:
        return one._replace(weight=STRUCK) if one.task_id in verdict.suspects and one.weight is OPEN else one

    assert trust.judge([off(one) for one in found], elsewhere) == Verdict(verdict.strikes, frozenset())


@pytest.mark.parametrize("error_class", ErrorClass)
def test_only_the_nodes_own_errors_are_strikes(error_class: ErrorClass) -> None:
    guilty = error_class not in {ErrorClass.INPUT, ErrorClass.UNSUPPORTED}
    assert (trust.weigh(error_class, "broken", suspect=False) is OPEN) is guilty
    assert (trust.weigh(error_class, "broken", suspect=True) is STRUCK) is guilty
    assert trust.weigh(error_class, trust.DISK_FULL, suspect=False) is None


@pytest.mark.parametrize(
    ("witnesses", "able", "bad"),
    [
        ({"a": 1}, "a", False),
        ({"a": 1, "b": 1}, "abc", True),
        ({"a": 2}, "a", True),
        ({"a": 2}, "", True),
        ({"a": 2}, "ab", False),
        ({"a": 1}, "", False),
    ],
)
def test_a_file_is_bad_when_two_nodes_say_so_or_the_only_one_twice(
    witnesses: dict[str, int], able: Collection[str], bad: bool
) -> None:
    assert trust.input_is_bad(witnesses, able) is bad


def test_who_hands_back_again_and_again_is_asked_ever_more_slowly_and_never_given_up() -> None:
    assert [trust.rest_s(number) for number in range(6)] == [0, 0, 1, 2, 4, 8]
    assert trust.rest_s(10_000) == trust.REST_MOST_S


@given(st.integers(0, 10**6), st.lists(st.integers(0, 10**6)))
def test_a_step_that_filled_a_disk_needs_more_than_that_disk_had(estimate: int, full_at: list[int]) -> None:
    needed = trust.learnt_mb(estimate, full_at)
    assert needed >= estimate
    assert all(needed > free for free in full_at)
