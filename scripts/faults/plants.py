"""Bugs to plant into the product: each takes a safeguard away that the ledger must miss within a few seeds."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

from coordinator.domain.lifecycle import ATTEMPT_MOVES, AttemptVerb
from coordinator.services import leases, outcomes
from coordinator.services.rules import Rules
from coordinator.store import attempts, tasks
from coordinator.store.schema import changing, table
from coordinator.store.tables import Attempts, Steps
from coordinator.store.work import Work
from protocol.states import AttemptState, StepState
from scripts.faults.simulated_node import Node

OVER: Final = frozenset({AttemptState.LOST, AttemptState.RELEASED, AttemptState.CANCELLED, AttemptState.FAILED})


class Replacement(NamedTuple):
    """Another function in the place of `name` of `owner`."""

    owner: Any
    name: str
    function: Callable[..., Any]


def _with(row: Any, **values: Any) -> Any:
    """A row with other values."""
    return SimpleNamespace(**{**row._asdict(), **values})


def _no_fencing() -> list[Replacement]:
    """Whoever speaks of an attempt is believed, also after it is over."""
    known = attempts.get

    def get(work: Work, attempt_id: str) -> Attempts | None:
        row = known(work, attempt_id)
        return _with(row, state="running") if row is not None and row.state in OVER else row

    def move(work: Work, attempt_id: str, verb: AttemptVerb, **values: Any) -> bool:
        moved = {**values, "state": str(ATTEMPT_MOVES[verb].target)}
        return work.run(*changing(table(Attempts), attempt_id, moved)) == 1

    return [Replacement(attempts, "get", get), Replacement(attempts, "move", move)]


def _lease_not_renewed() -> list[Replacement]:
    """A lease counts from the 202 and is never renewed."""
    known = attempts.progress

    def renew(work: Work, interface_id: str, attempt_ids: object, until: float) -> None:
        """Nothing."""

    def progress(work: Work, attempt_id: str, seq: int, values: dict[str, Any]) -> bool:
        return known(work, attempt_id, seq, {name: value for name, value in values.items() if name != "lease_until"})

    return [Replacement(attempts, "renew", renew), Replacement(attempts, "progress", progress)]


def _outbox_dropped() -> list[Replacement]:
    """A node keeps outcomes in its memory only."""
    known = Node.start

    def start(node: Node) -> None:
        node.home.letters.clear()
        known(node)

    return [Replacement(Node, "start", start)]


def _done_before_verification() -> list[Replacement]:
    """A node's word that it finished finishes the step."""
    known = outcomes.hear

    def hear(work: Work, rules: Rules, interface_id: str, callback: Any) -> outcomes.Command:
        command = known(work, rules, interface_id, callback)
        row = attempts.get(work, callback.attempt_id)
        if row is not None and row.state == AttemptState.REPORTED:
            outcomes.complete(work, rules, row.id, {}, None)
        return command

    return [Replacement(outcomes, "hear", hear)]


def _requeue_unguarded() -> list[Replacement]:
    """Leases that had ended when the last tick looked are ended now, whatever happened in between."""
    seen: list[Attempts] = []

    def expire(work: Work, rules: Rules, limit: int = 200) -> int:
        for row in seen:
            tasks.lock(work, row.task_id)
            work.run(*changing(table(Attempts), row.id, {"state": AttemptState.LOST.value}))
            work.run(*changing(table(Steps), row.step_id, {"state": StepState.PENDING.value}))
        count = len(seen)
        seen[:] = attempts.expired(work, limit)
        return count

    return [Replacement(leases, "expire", expire)]


def _task_not_locked() -> list[Replacement]:
    """Two coordinators that finish the last two segments at once both see one missing."""
    return [Replacement(tasks, "lock", tasks.get)]


def _list_ends_same_boot() -> list[Replacement]:
    """What a heartbeat's list lacks has ended, also when the list was written before the offer arrived."""
    known = attempts.held_by

    def held_by(work: Work, interface_id: str) -> list[Any]:
        return [_with(row, boot_id="another" if row.boot_id is not None else None) for row in known(work, interface_id)]

    return [Replacement(attempts, "held_by", held_by)]


class Plant(NamedTuple):
    """A bug, and words of the sentence that says so."""

    replacements: Callable[[], list[Replacement]]
    found_as: str


PLANTS: Final[Mapping[str, Plant]] = {
    "no_fencing": Plant(_no_fencing, "a stale writer"),
    "lease_not_renewed": Plant(_lease_not_renewed, "after a coordinator heard of it"),
    "outbox_dropped": Plant(_outbox_dropped, "the outcome of attempt"),
    "done_before_verification": Plant(_done_before_verification, "before anybody looked at its bytes"),
    "requeue_unguarded": Plant(_requeue_unguarded, "went from"),
    "task_not_locked": Plant(_task_not_locked, "without its task's lock"),
    "list_ends_same_boot": Plant(_list_ends_same_boot, "from the same boot"),
}


@contextmanager
def planted(name: str | None) -> Iterator[None]:
    """The product has this bug for a while; None: it has none of these."""
    made = PLANTS[name].replacements() if name is not None else []
    kept = [(one.owner, one.name, getattr(one.owner, one.name)) for one in made]
    try:
        for one in made:
            setattr(one.owner, one.name, one.function)
        yield
    finally:
        for owner, attribute, was in kept:
            setattr(owner, attribute, was)
