"""Nodes joining, living and leaving, as nodes say it themselves.

Locks are taken task, step, attempt, user, interface: what a list of attempts means is settled before the node's own
row is written, and that write is a compare-and-set on what was read.
"""

import hmac
from dataclasses import dataclass
from typing import Any, Final, Literal

from coordinator.domain.admission import Verb
from coordinator.domain.news import InterfaceChanged, QueueChanged
from coordinator.domain.words import plain
from coordinator.errors import (
    BadClusterString,
    BadSignature,
    DuplicateIdentity,
    Overloaded,
    Revoked,
    UnsupportedProtocol,
)
from coordinator.gateway.networks import Networks
from coordinator.gateway.node_secrets import NodeSecrets
from coordinator.ids import new_id, new_secret
from coordinator.services import leases
from coordinator.services.rules import Rules
from coordinator.store import interfaces, offers
from coordinator.store.tables import Interfaces
from coordinator.store.work import Work
from protocol import version
from protocol.base import AttemptId, InterfaceId
from protocol.interfaces import CancelCommand, Drain, Heartbeat, HeartbeatReply, Leave, Register, Registered
from protocol.states import Admission, Lane

Approval = Literal["manual", "auto"]
SILENT_INTERVALS: Final = 3
UNUSED_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Door:
    """What decides whether and how a node comes in."""

    rules: Rules
    approval: Approval
    cluster_string: str
    secrets: NodeSecrets
    networks: Networks


def check_cluster_string(door: Door, given: str) -> None:
    """BadClusterString unless `given` is INTERFACE_IDENTIFICATION; takes the same time either way."""
    if not hmac.compare_digest(given.encode(), door.cluster_string.encode()):
        raise BadClusterString


def register(work: Work, door: Door, message: Register, signer: str | None) -> Registered:
    """A node joins, or joins again. `signer` is the interface whose secret signed the message, None when unsigned.

    UnsupportedProtocol, AddressRefused, DuplicateIdentity, Revoked, BadSignature. The new secret counts from its first
    use, and the old one until then. Every boot starts in the pull lane.
    """
    if not version.supported(message.protocol_version):
        raise UnsupportedProtocol(oldest=version.OLDEST_SUPPORTED, newest=version.NEWEST_SUPPORTED)
    address = door.networks.checked(str(message.address)) if message.address is not None else None
    row = _signed_row(work, message, signer) if signer else _unsigned_row(work, door, message, address)
    leases.hear(work, door.rules, row.id, message.boot_id, message.attempts)
    secret = new_secret()
    values = _words(message) | _boot(work, row, message.boot_id)
    values |= {"address": address, "next_secret": door.secrets.seal(secret), "last_seen": work.now}
    if not interfaces.shift(work, row, Verb.REGISTER, **values):
        raise Overloaded("the node moved meanwhile; try again")
    if row.draining and row.drain_deadline is None:
        _resumed(work, row.id)
    offers.replace(work, row.id, message.models)
    work.announce(InterfaceChanged(InterfaceId(row.id)))
    work.announce(QueueChanged())
    return Registered(
        interface_id=InterfaceId(row.id),
        secret=secret,
        heartbeat_interval_s=door.rules.heartbeat_s,
        lease_s=door.rules.lease_s,
        admission=Admission(row.admission),
        lane=Lane.PULL,
        server_time=work.now,
    )


def _signed_row(work: Work, message: Register, signer: str) -> Interfaces:
    row = interfaces.get(work, signer)
    if row is None or row.node_id not in (None, message.node_id):
        raise BadSignature("the secret belongs to another node_id")
    if row.admission == Admission.REVOKED:
        raise Revoked
    _refuse_second_process(row, message.boot_id)
    return row


def _unsigned_row(work: Work, door: Door, message: Register, address: str | None) -> Interfaces:
    """The row of a node that proves nothing. It gets no row whose secret was ever used: a thief of a `node_id` comes
    in as a stranger, without that `node_id`, and the node that owns it notices nothing."""
    fresh = Admission.APPROVED if door.approval == "auto" else Admission.PENDING
    owner = interfaces.by_node_id(work, message.node_id)
    if owner is not None:
        if owner.admission == Admission.REVOKED:
            raise Revoked
        _refuse_second_process(owner, message.boot_id)
        if owner.secret is None and (owner.boot_id in (None, message.boot_id) or owner.admission == fresh):
            return owner
    elif address is not None and (expected := interfaces.expected_at(work, address)):
        interfaces.note(work, expected.id, node_id=message.node_id)
        return expected
    mine = interfaces.unclaimed(work, message.boot_id)
    return mine or interfaces.add(
        work,
        {
            "id": new_id(),
            "node_id": message.node_id if owner is None else None,
            "name": "",
            "admission": str(fresh),
            "created_at": work.now,
        },
    )


def _refuse_second_process(row: Interfaces, boot_id: str) -> None:
    """A process that another one has replaced speaks again: both run, and would take turns for ever."""
    if boot_id == row.previous_boot_id and row.online:
        raise DuplicateIdentity


def _words(message: Register) -> dict[str, Any]:
    return {
        "name": plain(message.name, 100) or f"node {message.node_id[:8]}",
        "software_version": plain(message.software_version, 40),
        "protocol_version": message.protocol_version,
        "slots": message.slots,
        "gpus": [{"index": g.index, "name": plain(g.name, 100), "vram_mb": g.vram_mb} for g in message.gpus],
    }


def _boot(work: Work, row: Interfaces, boot_id: str) -> dict[str, Any]:
    fresh = {"lane": str(Lane.PULL), "unreachable": False, "health": "healthy"}
    if boot_id == row.boot_id:
        return fresh | ({"heartbeat_seq": -1} if row.heartbeat_seq == interfaces.NO_MORE_BEATS else {})
    began = {"boot_id": boot_id, "previous_boot_id": row.boot_id, "boot_at": work.now}
    return fresh | began | {"heartbeat_seq": -1, "loads": [], "disk_free_mb": None}


def heartbeat(work: Work, rules: Rules, message: Heartbeat) -> HeartbeatReply:
    """What a node says about itself, and what it must do. A repeat or an older one changes nothing.

    BadSignature: this boot is not the one that registered last; Revoked.
    """
    interface_id = message.interface_id
    row = current(work, interface_id, message.boot_id)
    if message.seq <= row.heartbeat_seq:
        return _reply(work, rules, row, leases.Heard((), ()), busy=bool(message.attempts))
    heard = leases.hear(work, rules, interface_id, message.boot_id, message.attempts)
    values: dict[str, Any] = {"health": message.health, "loads": [load.model_dump() for load in message.gpus]}
    if message.disk_free_mb is not None:
        values["disk_free_mb"] = message.disk_free_mb
    interfaces.beat(work, interface_id, message.boot_id, message.seq, values)
    changed = _drains_itself(work, row, message.draining)
    if message.models is not None:
        changed |= offers.replace(work, interface_id, message.models)
    if changed or not row.online or row.unreachable or row.health != message.health:
        work.announce(InterfaceChanged(interface_id))
        work.announce(QueueChanged())
    return _reply(work, rules, row, heard, busy=bool(message.attempts))


def current(work: Work, interface_id: str, boot_id: str) -> Interfaces:
    """The node, spoken for by the process that registered last. BadSignature makes another one register, which decides
    between a late message and a second process; Revoked."""
    row = interfaces.get(work, interface_id)
    if row is None:
        raise BadSignature
    if row.admission == Admission.REVOKED:
        raise Revoked
    if row.boot_id != boot_id:
        raise BadSignature("another boot of this node has registered since")
    return row


def _drains_itself(work: Work, row: Interfaces, draining: bool) -> bool:
    """Follow the node's word about draining, unless an administrator has spoken: only that sets a deadline."""
    if draining == row.draining or row.drain_deadline is not None:
        return False
    return interfaces.note(work, row.id, draining=draining)


def _resumed(work: Work, interface_id: str) -> None:
    interfaces.note(work, interface_id, draining=False)


def _reply(work: Work, rules: Rules, row: Interfaces, heard: leases.Heard, *, busy: bool) -> HeartbeatReply:
    drain = None
    if row.draining and row.drain_deadline is not None:
        drain = Drain(deadline_s=max(0.0, row.drain_deadline - work.now))
    period = rules.heartbeat_s
    return HeartbeatReply(
        commands=tuple(CancelCommand(attempt_id=AttemptId(key)) for key in heard.cancel),
        admission=Admission(row.admission),
        lane=Lane(row.lane),
        drain=drain,
        unknown_attempts=heard.unknown,
        next_heartbeat_s=min(period, rules.lease_s / 3) if busy else period,
        server_time=work.now,
    )


def sign_of_life(work: Work, rules: Rules, interface_id: str) -> None:
    """Any signed message shows that the node lives and can reach us. Costs a write every `sign_s` at most.

    Not that of a node that has left: its last poll may end long after that, and only registering brings it back.
    """
    row = interfaces.get(work, interface_id)
    if row is None or row.admission == Admission.REVOKED or row.heartbeat_seq == interfaces.NO_MORE_BEATS:
        return
    back = not row.online or row.unreachable
    if back or row.last_seen is None or row.last_seen < work.now - rules.sign_s:
        interfaces.alive(work, interface_id)
    if back:
        work.announce(InterfaceChanged(InterfaceId(interface_id)))
        work.announce(QueueChanged())


def leave(work: Work, rules: Rules, message: Leave) -> None:
    """A node goes: offline at once, and what it still holds is offered again. A late word of an earlier boot, or a
    repeat, changes nothing."""
    row = interfaces.get(work, message.interface_id)
    if row is None or row.boot_id != message.boot_id or not row.online:
        return
    leases.abandon(work, rules, row.id, "node_left")
    last = {"last_seen": work.now, "heartbeat_seq": interfaces.NO_MORE_BEATS}
    if interfaces.shift(work, row, Verb.LEAVE, **last):
        work.announce(InterfaceChanged(message.interface_id))


def miss(work: Work, rules: Rules) -> int:
    """Nodes that were silent for three intervals are offline. Takes no work away: leases do. Returns how many."""
    count = 0
    for row in interfaces.silent(work, work.now - SILENT_INTERVALS * rules.heartbeat_s):
        if interfaces.shift(work, row, Verb.MISS):
            work.announce(InterfaceChanged(InterfaceId(row.id)))
            count += 1
    return count


def forget_unused(work: Work) -> int:
    """Rows of nodes that registered a day ago and were never heard of again go: whoever has the cluster string could
    fill the list. Returns how many."""
    return interfaces.forget_unused(work, work.now - UNUSED_S)


def unreachable(work: Work, interface_id: str) -> None:
    """A call got no answer of the node's own: no new work until its next sign of life."""
    if interfaces.note(work, interface_id, unreachable=True):
        work.announce(InterfaceChanged(InterfaceId(interface_id)))


def fall_back(work: Work, row: Interfaces) -> None:
    """A call could not connect: from now on the node asks for its work."""
    if interfaces.set_lane(work, row, Lane.PULL):
        work.announce(InterfaceChanged(InterfaceId(row.id)))


def proved(work: Work, row: Interfaces, sealed: str) -> bool:
    """Who listens at the node's address holds this secret: from now on it is called. False: it started anew."""
    interfaces.promote(work, row.id, sealed)
    moved = interfaces.set_lane(work, row, Lane.PUSH, unreachable=False)
    if moved:
        work.announce(InterfaceChanged(InterfaceId(row.id)))
        work.announce(QueueChanged())
    return moved
