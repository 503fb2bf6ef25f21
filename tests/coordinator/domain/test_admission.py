"""The three facts of a node: every verb in every state, and what follows from them."""

from itertools import pairwise, product

import pytest

from coordinator.domain.admission import ADMISSION, DRAINING, ONLINE, Standing, Verb, Word, move, quarantine_s, word
from protocol.states import Admission

PENDING, APPROVED, QUARANTINED, REVOKED = Admission
EVERY = [Standing(*facts) for facts in product(Admission, (False, True), (False, True))]

ADMITTED: dict[Verb, dict[Admission, Admission | None]] = {
    Verb.REGISTER: {PENDING: PENDING, APPROVED: APPROVED, QUARANTINED: QUARANTINED, REVOKED: None},
    Verb.BEAT: {PENDING: PENDING, APPROVED: APPROVED, QUARANTINED: QUARANTINED, REVOKED: None},
    Verb.APPROVE: {PENDING: APPROVED, APPROVED: APPROVED, QUARANTINED: APPROVED, REVOKED: None},
    Verb.QUARANTINE: {PENDING: None, APPROVED: QUARANTINED, QUARANTINED: QUARANTINED, REVOKED: None},
    Verb.READMIT: {PENDING: None, APPROVED: APPROVED, QUARANTINED: APPROVED, REVOKED: None},
    Verb.REVOKE: {PENDING: REVOKED, APPROVED: REVOKED, QUARANTINED: REVOKED, REVOKED: REVOKED},
    Verb.DRAIN: {PENDING: PENDING, APPROVED: APPROVED, QUARANTINED: QUARANTINED, REVOKED: None},
    Verb.RESUME: {PENDING: PENDING, APPROVED: APPROVED, QUARANTINED: QUARANTINED, REVOKED: None},
    Verb.MISS: {state: state for state in Admission},
    Verb.LEAVE: {state: state for state in Admission},
}
DRAINS = {Verb.DRAIN: True, Verb.RESUME: False}
IS_THERE = {Verb.REGISTER: True, Verb.BEAT: True, Verb.MISS: False, Verb.LEAVE: False, Verb.REVOKE: False}


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize("now", EVERY, ids=str)
def test_every_verb_does_in_every_state_what_the_design_says(verb: Verb, now: Standing) -> None:
    admission = ADMITTED[verb][now.admission]
    expected = (
        None
        if admission is None
        else Standing(admission, DRAINS.get(verb, now.draining), IS_THERE.get(verb, now.online))
    )
    assert move(verb, now) == expected


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize("now", EVERY, ids=str)
def test_a_verb_done_twice_leads_where_it_led_once(verb: Verb, now: Standing) -> None:
    once = move(verb, now)
    assert once is None or move(verb, once) == once


@pytest.mark.parametrize("now", [state for state in EVERY if state.admission is REVOKED], ids=str)
def test_nothing_leads_out_of_revoked(now: Standing) -> None:
    after = [move(verb, now) for verb in Verb]
    assert all(then is None or then.admission is REVOKED for then in after)


def test_every_verb_moves_at_least_one_fact_somewhere() -> None:
    moved = {verb for table in (ADMISSION, DRAINING, ONLINE) for verb in table}
    assert moved == set(Verb)


@pytest.mark.parametrize(
    ("now", "busy", "shown"),
    [
        (Standing(REVOKED, draining=True, online=True), True, Word.REVOKED),
        (Standing(PENDING, draining=True, online=False), False, Word.PENDING),
        (Standing(QUARANTINED, draining=False, online=False), False, Word.OFFLINE),
        (Standing(QUARANTINED, draining=True, online=True), True, Word.QUARANTINED),
        (Standing(APPROVED, draining=True, online=True), True, Word.DRAINING),
        (Standing(APPROVED, draining=False, online=True), True, Word.BUSY),
        (Standing(APPROVED, draining=False, online=True), False, Word.ONLINE),
        (Standing(APPROVED, draining=True, online=False), False, Word.OFFLINE),
    ],
)
def test_a_list_shows_first_what_somebody_must_act_on(now: Standing, busy: bool, shown: Word) -> None:
    assert word(now, busy) is shown


def test_a_quarantine_doubles_from_a_minute_to_an_hour_and_stays_there() -> None:
    minutes = [quarantine_s(level) / 60 for level in range(1, 9)]
    assert minutes == [1, 2, 4, 8, 16, 32, 60, 60]
    assert quarantine_s(10_000) == 3600
    assert all(shorter <= longer for shorter, longer in pairwise(minutes))
