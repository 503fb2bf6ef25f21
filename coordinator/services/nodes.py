"""Nodes as administrators see and steer them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from coordinator.domain.admission import Verb, Word, move, word
from coordinator.domain.lifecycle import SLOT
from coordinator.domain.news import InterfaceChanged, QueueChanged
from coordinator.domain.words import plain
from coordinator.errors import NotFound, Overloaded, WrongInterfaceState
from coordinator.gateway.networks import Networks
from coordinator.ids import new_id
from coordinator.services import leases, trust
from coordinator.services.rules import Rules
from coordinator.store import audit, interfaces, offers, strikes, tasks
from coordinator.store.tables import Attempts, InterfaceModels, Interfaces, Users
from coordinator.store.work import Work
from protocol.base import InterfaceId
from protocol.states import Admission, Lane

DRAIN_S: Final = 3600.0
"""How long a node that is told to drain may finish what it holds, unless the administrator says otherwise."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node with what it offers and holds; `age_s` is seconds since its last sign of life, `task_names` are those of
    the tasks that it works on, by id."""

    row: Interfaces
    models: Sequence[InterfaceModels]
    attempts: Sequence[Attempts]
    age_s: float | None
    task_names: Mapping[str, str]

    @property
    def busy_slots(self) -> int:
        """Slots that are taken; the light slot of `assemble` is none of them."""
        return sum(attempt.state in SLOT and not attempt.light for attempt in self.attempts)

    @property
    def word(self) -> Word:
        """The word that lists show."""
        return word(interfaces.standing(self.row), any(attempt.state in SLOT for attempt in self.attempts))


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it and from where: an account, or a name where there is none."""

    who: Users | str
    address: str = ""


SYSTEM: Final = Actor(audit.SYSTEM)


def page(
    work: Work, *, q: str | None = None, state: Word | None = None, after: str | None = None, limit: int = 100
) -> tuple[list[Node], str | None]:
    """Nodes, oldest first, and where the next page begins (None: there is none)."""
    found: list[Node] = []
    while True:
        rows = interfaces.listed(work, q, after, limit + 1)
        found += [node for node in _nodes(work, rows) if state is None or node.word is state]
        if len(found) > limit or len(rows) <= limit:
            break
        after = rows[-1].id
    more = len(found) > limit
    return found[:limit], found[limit - 1].row.id if more else None


def look(work: Work, interface_id: str) -> Node:
    """One node. NotFound."""
    return _nodes(work, [_row(work, interface_id)])[0]


def _nodes(work: Work, rows: Sequence[Interfaces]) -> list[Node]:
    ids = [row.id for row in rows]
    models, attempts = offers.of(work, ids), interfaces.holding(work, ids)
    names = tasks.names(work, {attempt.task_id for held in attempts.values() for attempt in held})
    return [Node(row, models[row.id], attempts[row.id], _age(work.now, row), names) for row in rows]


def _age(now: float, row: Interfaces) -> float | None:
    return None if row.last_seen is None else max(0.0, now - row.last_seen)


def _row(work: Work, interface_id: str) -> Interfaces:
    row = interfaces.get(work, interface_id)
    if row is None:
        raise NotFound(kind="interface", id=interface_id)
    return row


def approve(work: Work, interface_id: str, actor: Actor) -> Node:
    """Let a node work; ends a quarantine, too. NotFound, WrongInterfaceState."""
    row = _row(work, interface_id)
    if row.admission == Admission.APPROVED:
        return _steer(work, row, Verb.APPROVE, actor, {})
    strikes.clear(work, interface_id)
    return _steer(work, row, Verb.APPROVE, actor, trust.CLEAN)


def drain(work: Work, interface_id: str, actor: Actor, deadline_s: float = DRAIN_S) -> Node:
    """Give a node nothing new; after `deadline_s` it hands back what it holds. Again: another deadline."""
    row = _row(work, interface_id)
    return _steer(work, row, Verb.DRAIN, actor, {"drain_deadline": work.now + deadline_s}, deadline_s=deadline_s)


def resume(work: Work, interface_id: str, actor: Actor) -> Node:
    """End draining."""
    row = _row(work, interface_id)
    return _steer(work, row, Verb.RESUME, actor, {"drain_deadline": None} if row.drain_deadline is not None else {})


def quarantine(work: Work, interface_id: str, actor: Actor) -> Node:
    """Offer a node one trial step at a time, from a minute on, until a result of it is verified."""
    row = _row(work, interface_id)
    values = trust.longer(work, row) if row.admission != Admission.QUARANTINED else {}
    return _steer(work, row, Verb.QUARANTINE, actor, values)


def revoke(work: Work, rules: Rules, interface_id: str, actor: Actor) -> Node:
    """Never believe this node again; what it holds is offered to others. Cannot be undone: it must join anew under
    another `node_id`."""
    row = _row(work, interface_id)
    if row.admission != Admission.REVOKED:
        leases.abandon(work, rules, interface_id, "node_revoked")
    return _steer(work, row, Verb.REVOKE, actor, {"lane": str(Lane.PULL)} if row.lane != Lane.PULL else {})


def _steer(work: Work, row: Interfaces, verb: Verb, actor: Actor, values: dict[str, Any], **said: Any) -> Node:
    """Move a node and write down who did it; nothing happens when it is there already."""
    now = interfaces.standing(row)
    then = move(verb, now)
    if then is None:
        raise WrongInterfaceState(state=str(now.admission), verb=str(verb))
    if then != now or values:
        if not interfaces.shift(work, row, verb, **values):
            raise Overloaded("the node moved meanwhile; try again")
        audit.record(
            work, f"interface.{verb}", actor=actor.who, target=row.id, address=actor.address, name=row.name, **said
        )
        work.announce(InterfaceChanged(InterfaceId(row.id)))
        work.announce(QueueChanged())
    return look(work, row.id)


def expect(
    work: Work, networks: Networks, name: str, *, address: str | None = None, node_id: str | None = None
) -> Interfaces:
    """An approved row that waits for a node: whoever joins first with this address, or with this `node_id`.

    A node that is there already is approved. AddressRefused; WrongInterfaceState: it was revoked.
    """
    where = networks.checked(address) if address is not None else None
    if node_id is not None:
        row = interfaces.by_node_id(work, node_id)
    else:
        row = interfaces.at_address(work, where) if where is not None else None
    if row is not None:
        return approve(work, row.id, SYSTEM).row
    made = interfaces.add(
        work,
        {
            "id": new_id(),
            "node_id": node_id,
            "name": plain(name, 100) or "expected",
            "address": where,
            "expected": True,
            "admission": str(Admission.APPROVED),
            "created_at": work.now,
        },
    )
    audit.record(work, "interface.expect", actor=audit.SYSTEM, target=made.id, name=made.name)
    work.announce(InterfaceChanged(InterfaceId(made.id)))
    return made
