"""What follows from a receiver's answer."""

import pytest

from coordinator.domain.webhooks import (
    DAY_S,
    FIRST_S,
    MOST_S,
    Answer,
    DeliveryState,
    Fault,
    backoff,
    fault_of,
    judge,
)


@pytest.mark.parametrize(
    ("status", "fault"),
    [(200, None), (204, None), (299, None), (301, Fault.REDIRECT), (308, Fault.REDIRECT), (400, Fault.STATUS),
     (404, Fault.STATUS), (410, Fault.GONE), (429, Fault.STATUS), (500, Fault.STATUS), (199, Fault.STATUS)],
)  # fmt: skip
def test_only_2xx_takes_a_message(status: int, fault: Fault | None) -> None:
    assert fault_of(status) is fault


def test_waits_double_up_to_an_hour_and_differ_by_half() -> None:
    middle = [backoff(tries, 0.5) for tries in (1, 2, 3, 10, 11, 500)]
    assert middle == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S, 512 * FIRST_S, MOST_S, MOST_S]
    assert (backoff(1, 0.0), backoff(1, 1.0)) == (0.75 * FIRST_S, 1.25 * FIRST_S)


def test_a_day_of_refusals_is_some_thirty_tries_and_then_the_end() -> None:
    left, tries, refused = DAY_S, 0, Answer(0.1, 500, fault=Fault.STATUS)
    while True:
        tries += 1
        verdict = judge(refused, tries, left, 0.5)
        if verdict.state is not DeliveryState.WAITING:
            break
        left -= verdict.wait_s
    assert verdict.state is DeliveryState.DEAD
    assert 25 < tries < 40


def test_a_receiver_may_ask_for_a_longer_wait_but_not_for_days() -> None:
    asked = Answer(0.1, 503, fault=Fault.STATUS, retry_after_s=60)
    assert judge(asked, 1, DAY_S, 0.5).wait_s == 60
    assert judge(Answer(0.1, 503, fault=Fault.STATUS, retry_after_s=1e6), 1, DAY_S, 0.5).wait_s == MOST_S


def test_gone_ends_and_a_forbidden_address_is_given_up_at_once() -> None:
    assert judge(Answer(0.1, 204), 1, 0.0, 0.5).state is DeliveryState.DELIVERED
    assert judge(Answer(0.1, 410, fault=Fault.GONE), 1, DAY_S, 0.5).state is DeliveryState.DROPPED
    assert judge(Answer(0.1, fault=Fault.ADDRESS_REFUSED), 1, DAY_S, 0.5).state is DeliveryState.DEAD
