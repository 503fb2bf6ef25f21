"""A node's three independent facts as tables of verbs: may it work, does it drain, is it there.

A verb that a table does not name leaves that fact alone; a verb that a table names moves it from the states that are
listed there, and is refused from any other. A verb that finds the facts where it leads changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from protocol.states import Admission


class Verb(StrEnum):
    """What happens to a node."""

    REGISTER = "register"
    APPROVE = "approve"
    BEAT = "beat"
    MISS = "miss"
    DRAIN = "drain"
    RESUME = "resume"
    QUARANTINE = "quarantine"
    READMIT = "readmit"
    REVOKE = "revoke"
    LEAVE = "leave"


class Word(StrEnum):
    """The one word that lists show for a node."""

    PENDING = "pending"
    ONLINE = "online"
    BUSY = "busy"
    DRAINING = "draining"
    OFFLINE = "offline"
    QUARANTINED = "quarantined"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Standing:
    """The three facts of one node."""

    admission: Admission
    draining: bool
    online: bool


_KEPT: Final = MappingProxyType(
    {
        Admission.PENDING: Admission.PENDING,
        Admission.APPROVED: Admission.APPROVED,
        Admission.QUARANTINED: Admission.QUARANTINED,
    }
)

ADMISSION: Final[Mapping[Verb, Mapping[Admission, Admission]]] = MappingProxyType(
    {
        Verb.REGISTER: _KEPT,
        Verb.BEAT: _KEPT,
        Verb.DRAIN: _KEPT,
        Verb.RESUME: _KEPT,
        Verb.APPROVE: {
            Admission.PENDING: Admission.APPROVED,
            Admission.APPROVED: Admission.APPROVED,
            Admission.QUARANTINED: Admission.APPROVED,
        },
        Verb.QUARANTINE: {Admission.APPROVED: Admission.QUARANTINED, Admission.QUARANTINED: Admission.QUARANTINED},
        Verb.READMIT: {Admission.APPROVED: Admission.APPROVED, Admission.QUARANTINED: Admission.APPROVED},
        Verb.REVOKE: dict.fromkeys(Admission, Admission.REVOKED),
    }
)
DRAINING: Final[Mapping[Verb, Mapping[bool, bool]]] = MappingProxyType(
    {Verb.DRAIN: {False: True, True: True}, Verb.RESUME: {False: False, True: False}}
)
ONLINE: Final[Mapping[Verb, Mapping[bool, bool]]] = MappingProxyType(
    {
        Verb.REGISTER: {False: True, True: True},
        Verb.BEAT: {False: True, True: True},
        Verb.MISS: {False: False, True: False},
        Verb.LEAVE: {False: False, True: False},
        Verb.REVOKE: {False: False, True: False},
    }
)

BACKOFF_MOST_MINUTES: Final = 60


def move(verb: Verb, now: Standing) -> Standing | None:
    """The facts after `verb`; equal to `now` when it leads nowhere else, None when it is refused."""
    admission = ADMISSION[verb].get(now.admission) if verb in ADMISSION else now.admission
    if admission is None:
        return None
    draining = DRAINING[verb][now.draining] if verb in DRAINING else now.draining
    online = ONLINE[verb][now.online] if verb in ONLINE else now.online
    return Standing(admission, draining, online)


def word(now: Standing, busy: bool) -> Word:
    """What a list shows. What an administrator must act on comes first, then whether the node is there at all."""
    if now.admission is Admission.REVOKED:
        return Word.REVOKED
    if now.admission is Admission.PENDING:
        return Word.PENDING
    if not now.online:
        return Word.OFFLINE
    if now.admission is Admission.QUARANTINED:
        return Word.QUARANTINED
    if now.draining:
        return Word.DRAINING
    return Word.BUSY if busy else Word.ONLINE


def quarantine_s(level: int) -> float:
    """Seconds before the trial step of the `level`-th quarantine in a row: 1, 2, 4 ... 60 minutes."""
    return 60.0 * min(BACKOFF_MOST_MINUTES, 1 << min(max(level, 1) - 1, 10))
