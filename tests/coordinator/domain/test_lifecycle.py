"""The state machines as data: every cell is walked, and `settle` is a pure function."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.domain.lifecycle import (
    ATTEMPT_MOVES,
    ENDED,
    HELD,
    LEASED,
    LIVE,
    QUEUED,
    SLOT,
    STEP_MOVES,
    TASK_MOVES,
    AttemptVerb,
    StepView,
    TaskVerb,
    actions,
    lacks_assemble,
    settle,
)
from protocol.states import AttemptState as A
from protocol.states import StepKind
from protocol.states import StepState as S
from protocol.states import TaskState as T

TASK_TABLE: dict[str, tuple[set[T], T]] = {
    "select_source": ({T.IDLE, T.SOURCE_SELECTED, T.READY}, T.SELECTING_SOURCE),
    "source_ready": ({T.SELECTING_SOURCE}, T.SOURCE_SELECTED),
    "source_rejected": ({T.SELECTING_SOURCE}, T.IDLE),
    "configure": ({T.SOURCE_SELECTED, T.READY}, T.READY),
    "submit": ({T.READY}, T.WAITING),
    "pause": ({T.WAITING, T.PROCESSING}, T.PAUSED),
    "resume": ({T.PAUSED}, T.WAITING),
    "cancel": (set(T) - {T.COMPLETED, T.FAILED, T.CANCELLED}, T.CANCELLED),
    "retry": ({T.FAILED, T.CANCELLED}, T.WAITING),
    "reset": ({T.CANCELLED, T.FAILED}, T.IDLE),
}
"""The contract's table, written a second time."""

views = st.lists(st.builds(StepView, st.sampled_from(S), st.booleans(), st.sampled_from(StepKind)), max_size=6)
ASSEMBLE = StepView(S.DONE, False, StepKind.ASSEMBLE)


@pytest.mark.parametrize("state", T)
@pytest.mark.parametrize("verb", TaskVerb)
def test_every_cell_of_the_task_table_is_that_of_the_contract(verb: TaskVerb, state: T) -> None:
    sources, target = TASK_TABLE[verb]
    assert (state in TASK_MOVES[verb].sources) == (state in sources)
    assert TASK_MOVES[verb].target is target


@pytest.mark.parametrize("state", A)
@pytest.mark.parametrize("verb", AttemptVerb)
def test_no_verb_moves_an_attempt_that_has_ended(verb: AttemptVerb, state: A) -> None:
    live = HELD | SLOT | LEASED
    assert (state not in live) <= (state not in ATTEMPT_MOVES[verb].sources)
    assert ATTEMPT_MOVES[verb].target not in ATTEMPT_MOVES[verb].sources


def test_every_live_attempt_can_end() -> None:
    ends = set(A) - (HELD | SLOT)
    for state in HELD | SLOT:
        assert any(state in move.sources and move.target in ends for move in ATTEMPT_MOVES.values())


def test_a_reported_attempt_is_left_to_the_verifier() -> None:
    movers = {verb for verb, move in ATTEMPT_MOVES.items() if A.REPORTED in move.sources}
    assert movers == {AttemptVerb.COMPLETE, AttemptVerb.OUTRUN, AttemptVerb.FAIL}
    assert A.REPORTED not in LEASED | SLOT


def test_only_a_reported_attempt_can_complete() -> None:
    assert [move.sources for move in ATTEMPT_MOVES.values() if move.target is A.COMPLETED] == [frozenset({A.REPORTED})]


def test_a_stopping_attempt_owns_no_step_and_still_holds_its_slot() -> None:
    assert A.STOPPING not in HELD
    assert A.STOPPING in SLOT & LEASED
    assert ATTEMPT_MOVES[AttemptVerb.STOPPED] == (frozenset({A.STOPPING}), A.CANCELLED)


def test_a_done_step_never_runs_again_unless_its_bytes_are_gone() -> None:
    assert STEP_MOVES[S.DONE] <= {S.PENDING}
    assert STEP_MOVES[S.DEAD] == {S.PENDING}
    assert set(STEP_MOVES) == set(S)


@given(st.sampled_from(T), views)
def test_settling_twice_is_settling_once(state: T, steps: list[StepView]) -> None:
    once = settle(state, steps)
    assert settle(once, steps) is once


@given(st.sampled_from(sorted(set(T) - LIVE)), views)
def test_settle_moves_live_tasks_only(state: T, steps: list[StepView]) -> None:
    assert settle(state, steps) is state


@given(st.sampled_from(sorted(LIVE)), views)
def test_the_order_of_steps_does_not_matter(state: T, steps: list[StepView]) -> None:
    assert settle(state, reversed(steps)) is settle(state, steps)


@given(st.sampled_from(sorted(LIVE)), views)
def test_settle_says_what_the_steps_say(state: T, steps: list[StepView]) -> None:
    target = settle(state, steps)
    states = {view.state for view in steps}
    assert (target is T.FAILED) == (S.DEAD in states)
    assert (target is T.COMPLETED) == (states == {S.DONE} and not lacks_assemble(steps))
    if target not in ENDED:
        paused = state is T.PAUSED
        assert (target is T.PAUSED) == paused
        assert paused or (target is T.PROCESSING) == any(view.accepted for view in steps)


@given(st.sampled_from(sorted(LIVE)), views)
def test_several_segments_complete_only_by_a_step_that_joins_them(state: T, steps: list[StepView]) -> None:
    kinds = [view.kind for view in steps]
    if settle(state, steps) is T.COMPLETED:
        assert kinds.count(StepKind.SEGMENT) < 2 or StepKind.ASSEMBLE in kinds


@given(views)
def test_segments_are_joined_once_and_when_all_are_done(steps: list[StepView]) -> None:
    if lacks_assemble(steps):
        assert {view.state for view in steps} == {S.DONE}
        assert not lacks_assemble([*steps, ASSEMBLE])
        assert settle(T.PROCESSING, [*steps, ASSEMBLE]) is T.COMPLETED


@pytest.mark.parametrize("state", sorted(set(S) - {S.DONE}))
def test_nothing_is_joined_while_a_segment_is_not_done(state: S) -> None:
    assert not lacks_assemble([StepView(S.DONE, False), StepView(state, False)])


def test_one_segment_makes_the_final_file_itself() -> None:
    assert not lacks_assemble([StepView(S.DONE, False)])
    assert settle(T.PROCESSING, [StepView(S.DONE, False)]) is T.COMPLETED


def test_a_task_without_steps_does_not_complete() -> None:
    assert settle(T.PROCESSING, []) is T.WAITING


@pytest.mark.parametrize("state", T)
def test_a_page_shows_the_verbs_that_would_not_be_refused(state: T) -> None:
    shown = actions(state, submitted=True)
    assert all(state in TASK_MOVES[verb].sources for verb in shown)
    assert TaskVerb.SOURCE_READY not in shown
    assert set(actions(state, submitted=False)) == set(shown) - {TaskVerb.RETRY}


def test_the_queue_is_what_waits_or_runs() -> None:
    assert {T.WAITING, T.PROCESSING} == QUEUED
    assert set(T) > LIVE | ENDED
    assert not LIVE & ENDED
