"""The state machines as Mermaid diagrams, printed from the tables that the coordinator moves by.

Run as ``python -m scripts.diagrams``; `scripts.generated` writes the same text into coordinator/README.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Final, NamedTuple

from coordinator.domain.admission import ADMISSION, DRAINING, ONLINE, Verb
from coordinator.domain.lifecycle import ATTEMPT_MOVES, ENDED, LIVE, STEP_MOVES, TASK_MOVES, StepView, settle
from protocol.states import AttemptState, StepState, TaskState


class Edge(NamedTuple):
    """One arrow; `label` is the verb, empty where the table has none."""

    source: str
    target: str
    label: str


START, END = "[*]", "[*]"
_YES_NO: Final = {
    "draining": {False: "taking_work", True: "draining"},
    "online": {False: "offline", True: "online"},
}


def task() -> str:
    """What users and uploads do to a task, and where `settle` takes it."""
    moves = [
        Edge(str(s), str(move.target), str(verb)) for verb, move in TASK_MOVES.items() for s in sorted(move.sources)
    ]
    ended = [Edge(str(state), END, "") for state in TaskState if state in ENDED]
    return _diagram([Edge(START, str(TaskState.IDLE), "")], moves + _settled(), ended)


def _settled() -> list[Edge]:
    """Where `settle` leads, found by asking it: every live state with every mixture of up to two steps."""
    views = [StepView(state, accepted) for state in StepState for accepted in (False, True)]
    mixtures = [list(steps) for count in range(3) for steps in combinations_with_replacement(views, count)]
    return [
        Edge(str(state), str(target), "settle")
        for state in TaskState
        if state in LIVE
        for target in TaskState
        if target is not state and any(settle(state, steps) is target for steps in mixtures)
    ]


def step() -> str:
    """The smallest assignable piece."""
    moves = [Edge(str(source), str(target), "") for source, to in STEP_MOVES.items() for target in sorted(to)]
    return _diagram([Edge(START, str(StepState.PENDING), "")], moves, [])


def attempt() -> str:
    """One step given to one node once."""
    moves = [Edge(str(s), str(m.target), str(verb)) for verb, m in ATTEMPT_MOVES.items() for s in sorted(m.sources)]
    left = {edge.source for edge in moves}
    ended = [Edge(str(state), END, "") for state in AttemptState if str(state) not in left]
    return _diagram([Edge(START, str(AttemptState.OFFERED), "")], moves, ended)


def interface() -> str:
    """The three facts of a node; verbs that change nothing are left out."""
    admission = [
        Edge(str(source), str(target), str(verb))
        for verb, table in ADMISSION.items()
        for source, target in table.items()
        if source is not target
    ]
    draining, online = (_fact(name, table) for name, table in (("draining", DRAINING), ("online", ONLINE)))
    return _diagram([], admission + draining + online, [])


def _fact(name: str, table: Mapping[Verb, Mapping[bool, bool]]) -> list[Edge]:
    words = _YES_NO[name]
    return [Edge(words[s], words[t], str(verb)) for verb, moves in table.items() for s, t in moves.items() if s != t]


def _diagram(before: Sequence[Edge], moves: Iterable[Edge], after: Sequence[Edge]) -> str:
    """Arrows between the same two states become one, with all their verbs."""
    labels: dict[tuple[str, str], list[str]] = {}
    for edge in (*before, *moves, *after):
        labels.setdefault((edge.source, edge.target), []).append(edge.label)
    lines = [f"    {source} --> {target}{_label(found)}" for (source, target), found in labels.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def _label(verbs: Iterable[str]) -> str:
    named = ", ".join(verb for verb in dict.fromkeys(verbs) if verb)
    return f": {named}" if named else ""


DIAGRAMS: Final = {"task": task, "step": step, "attempt": attempt, "interface": interface}


def main() -> None:
    """Print all of them."""
    for name, draw in DIAGRAMS.items():
        print(f"{name}\n\n{draw()}\n")


if __name__ == "__main__":
    main()
