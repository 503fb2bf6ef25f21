"""The state machines of task, step and attempt as data, and `settle`, the only mover that no user asked for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from protocol.states import AttemptState as A
from protocol.states import StepKind
from protocol.states import StepState as S
from protocol.states import TaskState as T


class TaskVerb(StrEnum):
    """What a user or an upload does to a task."""

    SELECT_SOURCE = "select_source"
    SOURCE_READY = "source_ready"
    SOURCE_REJECTED = "source_rejected"
    CONFIGURE = "configure"
    SUBMIT = "submit"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"
    RESET = "reset"


class AttemptVerb(StrEnum):
    """What a node, the verifier or a clock does to an attempt."""

    ACCEPT = "accept"
    REPORT = "report"
    COMPLETE = "complete"
    OUTRUN = "outrun"
    FAIL = "fail"
    REJECT = "reject"
    LOSE = "lose"
    RELEASE = "release"
    STOP = "stop"
    STOPPED = "stopped"


class TaskMove(NamedTuple):
    """From any of `sources` to `target`."""

    sources: frozenset[T]
    target: T


class AttemptMove(NamedTuple):
    """From any of `sources` to `target`."""

    sources: frozenset[A]
    target: A


ENDED: Final = frozenset({T.COMPLETED, T.FAILED, T.CANCELLED})
LIVE: Final = frozenset({T.WAITING, T.PROCESSING, T.PAUSED})
QUEUED: Final = frozenset({T.WAITING, T.PROCESSING})
"""States whose steps may be given to nodes."""

TASK_MOVES: Final[Mapping[TaskVerb, TaskMove]] = MappingProxyType(
    {
        TaskVerb.SELECT_SOURCE: TaskMove(frozenset({T.IDLE, T.SOURCE_SELECTED, T.READY}), T.SELECTING_SOURCE),
        TaskVerb.SOURCE_READY: TaskMove(frozenset({T.SELECTING_SOURCE}), T.SOURCE_SELECTED),
        TaskVerb.SOURCE_REJECTED: TaskMove(frozenset({T.SELECTING_SOURCE}), T.IDLE),
        TaskVerb.CONFIGURE: TaskMove(frozenset({T.SOURCE_SELECTED, T.READY}), T.READY),
        TaskVerb.SUBMIT: TaskMove(frozenset({T.READY}), T.WAITING),
        TaskVerb.PAUSE: TaskMove(QUEUED, T.PAUSED),
        TaskVerb.RESUME: TaskMove(frozenset({T.PAUSED}), T.WAITING),
        TaskVerb.CANCEL: TaskMove(frozenset(T) - ENDED, T.CANCELLED),
        TaskVerb.RETRY: TaskMove(frozenset({T.FAILED, T.CANCELLED}), T.WAITING),
        TaskVerb.RESET: TaskMove(frozenset({T.CANCELLED, T.FAILED}), T.IDLE),
    }
)

HELD: Final = frozenset({A.OFFERED, A.RUNNING, A.REPORTED})
"""The attempt owns its step."""
LEASED: Final = frozenset({A.OFFERED, A.RUNNING, A.STOPPING})
"""A lease runs; when it ends the attempt ends."""
SLOT: Final = frozenset({A.OFFERED, A.RUNNING, A.STOPPING})
"""The attempt holds a slot of its node. A reported one does not: the node has already handed over its bytes."""

ATTEMPT_MOVES: Final[Mapping[AttemptVerb, AttemptMove]] = MappingProxyType(
    {
        AttemptVerb.ACCEPT: AttemptMove(frozenset({A.OFFERED}), A.RUNNING),
        AttemptVerb.REPORT: AttemptMove(frozenset({A.OFFERED, A.RUNNING}), A.REPORTED),
        AttemptVerb.COMPLETE: AttemptMove(frozenset({A.REPORTED}), A.COMPLETED),
        AttemptVerb.OUTRUN: AttemptMove(frozenset({A.REPORTED}), A.CANCELLED),
        AttemptVerb.FAIL: AttemptMove(frozenset({A.OFFERED, A.RUNNING, A.REPORTED}), A.FAILED),
        AttemptVerb.REJECT: AttemptMove(frozenset({A.OFFERED}), A.REJECTED),
        AttemptVerb.LOSE: AttemptMove(frozenset({A.OFFERED, A.RUNNING}), A.LOST),
        AttemptVerb.RELEASE: AttemptMove(frozenset({A.OFFERED, A.RUNNING}), A.RELEASED),
        AttemptVerb.STOP: AttemptMove(frozenset({A.OFFERED, A.RUNNING}), A.STOPPING),
        AttemptVerb.STOPPED: AttemptMove(frozenset({A.STOPPING}), A.CANCELLED),
    }
)

STEP_MOVES: Final[Mapping[S, frozenset[S]]] = MappingProxyType(
    {
        S.PENDING: frozenset({S.RUNNING, S.DEAD}),
        S.RUNNING: frozenset({S.PENDING, S.DONE, S.DEAD}),
        S.DONE: frozenset({S.PENDING}),  # only by retry, when the parts have been removed
        S.DEAD: frozenset({S.PENDING}),
    }
)


@dataclass(frozen=True, slots=True)
class StepView:
    """What `settle` needs of a step: its state, whether a node has accepted an attempt of it, and its kind."""

    state: S
    accepted: bool
    kind: StepKind = StepKind.SEGMENT


def lacks_assemble(steps: Iterable[StepView]) -> bool:
    """Whether several segments are all done and no step joins them yet."""
    views = list(steps)
    kinds = [view.kind for view in views]
    joined = StepKind.ASSEMBLE in kinds or kinds.count(StepKind.SEGMENT) < 2
    return not joined and all(view.state is S.DONE for view in views)


def settle(state: T, steps: Iterable[StepView]) -> T:
    """The state that a live task's steps say it is in; other states are returned unchanged.

    Any step dead: failed. All done, and several segments joined: completed. Otherwise a paused task stays paused, a
    task with an accepted attempt is processing and any other is waiting.
    """
    if state not in LIVE:
        return state
    views = list(steps)
    if any(view.state is S.DEAD for view in views):
        return T.FAILED
    if views and all(view.state is S.DONE for view in views) and not lacks_assemble(views):
        return T.COMPLETED
    if state is T.PAUSED:
        return state
    return T.PROCESSING if any(view.accepted for view in views) else T.WAITING


def actions(state: T, submitted: bool) -> tuple[TaskVerb, ...]:
    """The verbs that a user may use now, in a stable order: what buttons a page shows."""
    offered = (
        TaskVerb.SELECT_SOURCE,
        TaskVerb.CONFIGURE,
        TaskVerb.SUBMIT,
        TaskVerb.PAUSE,
        TaskVerb.RESUME,
        TaskVerb.CANCEL,
        TaskVerb.RETRY,
        TaskVerb.RESET,
    )
    return tuple(
        verb for verb in offered if state in TASK_MOVES[verb].sources and (submitted or verb is not TaskVerb.RETRY)
    )
