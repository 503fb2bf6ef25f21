"""Statements on nodes. Their three facts move by `move`, a compare-and-set on what was read."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, delete, insert, select, update

from coordinator.domain.admission import Standing, Verb, move
from coordinator.domain.lifecycle import SLOT
from coordinator.store.schema import table
from coordinator.store.tables import Attempts, InterfaceModels, Interfaces
from coordinator.store.work import Work
from protocol.states import Admission, AttemptState, Lane

NO_MORE_BEATS: Final = 2**62
"""The last heartbeat of a boot that has left: nothing that was under way when it left brings it back."""
_interfaces = table(Interfaces)
_attempts = table(Attempts)
_offers = table(InterfaceModels)
_GET = select(_interfaces).where(_interfaces.c.id == bindparam("key"))
_SILENT = (
    select(_interfaces)
    .where(_interfaces.c.online, _interfaces.c.last_seen.is_(None) | (_interfaces.c.last_seen < bindparam("since")))
    .order_by(_interfaces.c.id)
)
_NEVER_JOINED = _interfaces.c.boot_id.is_(None) & _interfaces.c.secret.is_(None) & _interfaces.c.next_secret.is_(None)


def get(work: Work, interface_id: str) -> Interfaces | None:
    """One node, or None."""
    return work.row(_GET, Interfaces, {"key": interface_id})


def names(work: Work, interface_ids: Collection[str]) -> dict[str, str]:
    """What these nodes are called; a node that is gone is called nothing."""
    if not interface_ids:
        return {}
    statement = select(_interfaces.c.id, _interfaces.c.name).where(_interfaces.c.id.in_(list(interface_ids)))
    return dict.fromkeys(interface_ids, "") | {row.id: row.name for row in work.execute(statement)}


def by_node_id(work: Work, node_id: str) -> Interfaces | None:
    """The node that owns a `node_id`, or None."""
    return work.row(select(_interfaces).where(_interfaces.c.node_id == node_id), Interfaces)


def unclaimed(work: Work, boot_id: str) -> Interfaces | None:
    """A row without a `node_id` that this boot made and whose secret was never used, or None."""
    where = (
        (_interfaces.c.boot_id == boot_id)
        & _interfaces.c.node_id.is_(None)
        & _interfaces.c.secret.is_(None)
        & (_interfaces.c.admission != str(Admission.REVOKED))
    )
    return work.row(select(_interfaces).where(where).order_by(_interfaces.c.id).limit(1), Interfaces)


def expected_at(work: Work, address: str) -> Interfaces | None:
    """A row that waits for whoever joins with this address first, or None."""
    where = (_interfaces.c.address == address) & _interfaces.c.expected & _NEVER_JOINED
    where &= _interfaces.c.node_id.is_(None) & (_interfaces.c.admission != str(Admission.REVOKED))
    return work.row(select(_interfaces).where(where).order_by(_interfaces.c.id).limit(1), Interfaces)


def at_address(work: Work, address: str) -> Interfaces | None:
    """The oldest node with this address that was not revoked, or None."""
    where = (_interfaces.c.address == address) & (_interfaces.c.admission != str(Admission.REVOKED))
    return work.row(select(_interfaces).where(where).order_by(_interfaces.c.id).limit(1), Interfaces)


def add(work: Work, values: dict[str, Any]) -> Interfaces:
    """Insert a node and return its row."""
    row = Interfaces(**{"gpus": [], "loads": [], **values})
    work.execute(insert(_interfaces).values(row.model_dump()))
    return row


def standing(row: Interfaces) -> Standing:
    """The three facts of a row."""
    return Standing(Admission(row.admission), bool(row.draining), bool(row.online))


def shift(work: Work, row: Interfaces, verb: Verb, **values: Any) -> bool:
    """Move the facts as `verb` says and write `values` with them; False when the verb is refused, or when the node
    moved or started anew since `row` was read."""
    now = standing(row)
    then = move(verb, now)
    if then is None:
        return False
    where = (
        (_interfaces.c.id == row.id)
        & (_interfaces.c.admission == str(now.admission))
        & (_interfaces.c.draining == now.draining)
        & (_interfaces.c.online == now.online)
        & _same(_interfaces.c.boot_id, row.boot_id)
    )
    facts = {"admission": str(then.admission), "draining": then.draining, "online": then.online}
    return work.changed(update(_interfaces).where(where).values({**facts, **values})) == 1


def _same(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    return column.is_(None) if value is None else column == value


def beat(work: Work, interface_id: str, boot_id: str, seq: int, values: dict[str, Any]) -> bool:
    """Write what a heartbeat said; False when it is not newer than the last one of its boot."""
    where = (
        (_interfaces.c.id == interface_id)
        & (_interfaces.c.boot_id == boot_id)
        & (_interfaces.c.heartbeat_seq < seq)
        & (_interfaces.c.admission != str(Admission.REVOKED))
    )
    alive = {"online": True, "unreachable": False, "last_seen": work.now, "heartbeat_seq": seq}
    return work.changed(update(_interfaces).where(where).values({**alive, **values})) == 1


def alive(work: Work, interface_id: str) -> None:
    """A sign of life, without words. Nothing of a node that has left."""
    here = (_interfaces.c.heartbeat_seq < NO_MORE_BEATS) & (_interfaces.c.admission != str(Admission.REVOKED))
    where = (_interfaces.c.id == interface_id) & here
    work.execute(update(_interfaces).where(where).values(online=True, unreachable=False, last_seen=work.now))


def note(work: Work, interface_id: str, **values: Any) -> bool:
    """Write what is no fact of the three: lane, unreachable, strikes. False when there is no such node."""
    return work.changed(update(_interfaces).where(_interfaces.c.id == interface_id).values(**values)) == 1


def set_lane(work: Work, row: Interfaces, lane: str, **values: Any) -> bool:
    """Change the lane of the boot that was read; False when it is that already or the node started anew."""
    where = (_interfaces.c.id == row.id) & (_interfaces.c.lane != lane) & _same(_interfaces.c.boot_id, row.boot_id)
    return work.changed(update(_interfaces).where(where).values(lane=lane, **values)) == 1


def promote(work: Work, interface_id: str, sealed: str) -> bool:
    """The next secret was used for the first time: from now on only it counts."""
    where = (_interfaces.c.id == interface_id) & (_interfaces.c.next_secret == sealed)
    return work.changed(update(_interfaces).where(where).values(secret=sealed, next_secret=None)) == 1


def silent(work: Work, since: float) -> Sequence[Interfaces]:
    """Nodes that count as online and gave no sign of life since `since`."""
    return work.rows(_SILENT, Interfaces, {"since": since})


def listed(work: Work, q: str | None, after: str | None, limit: int) -> Sequence[Interfaces]:
    """Nodes in the order of their ids; `q` is a part of the name, `after` the last id of the page before."""
    statement = select(_interfaces).order_by(_interfaces.c.id).limit(limit)
    if q:
        statement = statement.where(_interfaces.c.name.icontains(q, autoescape=True))
    if after:
        statement = statement.where(_interfaces.c.id > after)
    return work.rows(statement, Interfaces)


def unproved(work: Work) -> Sequence[str]:
    """Nodes that gave an address and may work, but have not yet proved that they listen there."""
    where = (
        _interfaces.c.online
        & (_interfaces.c.lane == str(Lane.PULL))
        & _interfaces.c.address.is_not(None)
        & _interfaces.c.admission.in_([str(Admission.APPROVED), str(Admission.QUARANTINED)])
    )
    return work.scalars(select(_interfaces.c.id).where(where))


def forget_unused(work: Work, before: float) -> int:
    """Delete nodes that registered before `before` and never once used their secret. Returns how many."""
    where = (
        _interfaces.c.secret.is_(None)
        & _interfaces.c.next_secret.is_not(None)
        & _interfaces.c.expected.is_(False)
        & (_interfaces.c.boot_at < before)
        & _interfaces.c.admission.in_([str(Admission.PENDING), str(Admission.APPROVED)])
        & ~select(_attempts.c.id).where(_attempts.c.interface_id == _interfaces.c.id).exists()
    )
    ids = list(work.scalars(select(_interfaces.c.id).where(where).limit(500)))
    if ids:
        work.execute(delete(_offers).where(_offers.c.interface_id.in_(ids)))
        work.execute(delete(_interfaces).where(_interfaces.c.id.in_(ids)))
    return len(ids)


def holding(work: Work, interface_ids: Collection[str]) -> dict[str, list[Attempts]]:
    """What each of these nodes works on, oldest first; also what only waits to be verified."""
    states = [str(state) for state in (*SLOT, AttemptState.REPORTED)]
    where = _attempts.c.interface_id.in_(list(interface_ids)) & _attempts.c.state.in_(states)
    found: dict[str, list[Attempts]] = {key: [] for key in interface_ids}
    for row in work.rows(select(_attempts).where(where).order_by(_attempts.c.id), Attempts):
        found[row.interface_id].append(row)
    return found
