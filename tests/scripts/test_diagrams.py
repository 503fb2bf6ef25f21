import re

from coordinator.domain.lifecycle import ATTEMPT_MOVES, TASK_MOVES
from protocol.states import AttemptState, StepState, TaskState
from scripts import diagrams


def _arrows(text: str) -> set[tuple[str, str]]:
    return set(re.findall(r"^    (\S+) --> (\S+?)(?::.*)?$", text, re.MULTILINE))


def test_every_state_of_each_machine_is_drawn() -> None:
    for states, draw in ((TaskState, diagrams.task), (StepState, diagrams.step), (AttemptState, diagrams.attempt)):
        drawn = {state for arrow in _arrows(draw()) for state in arrow}
        assert {str(state) for state in states} == drawn - {diagrams.START}


def test_every_move_of_a_table_is_drawn_with_its_verb() -> None:
    for moves, text in ((TASK_MOVES, diagrams.task()), (ATTEMPT_MOVES, diagrams.attempt())):
        for verb, move in moves.items():
            for source in move.sources:
                assert re.search(rf"^    {source} --> {move.target}: .*\b{verb}\b", text, re.MULTILINE), verb


def test_settle_is_drawn_where_it_leads_and_nowhere_else() -> None:
    drawn = set(re.findall(r"^    (\S+) --> (\S+): settle$", diagrams.task(), re.MULTILINE))
    ends = {(state, end) for state in ("waiting", "processing", "paused") for end in ("completed", "failed")}
    assert drawn == ends | {("waiting", "processing"), ("processing", "waiting")}


def test_two_verbs_between_the_same_states_share_an_arrow() -> None:
    assert "quarantined --> approved: approve, readmit" in diagrams.interface()
