"""Why a step waits: for each node one reason, the first that is true in the order of `Reason`."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a node does not start a step now; closed, and in the order in which they are looked for."""

    NOT_APPROVED = "not_approved"
    OFFLINE = "offline"
    QUARANTINED = "quarantined"
    DRAINING = "draining"
    UNHEALTHY = "unhealthy"
    UNREACHABLE = "unreachable"
    RESTING = "resting"
    NO_MODEL = "no_model"
    REFUSED = "refused"
    NO_DISK = "no_disk"
    BACKOFF = "backoff"
    SUSPECT = "suspect"
    MUST_RUN_ALONE = "must_run_alone"
    BUSY = "busy"
    NOT_ASKING = "not_asking"
    STARTING = "starting"
    USER_CAP = "user_cap"
    BEHIND_OTHERS = "behind_others"
    ANOTHER_NODE_FIRST = "another_node_first"
    FASTER_NODE_SOON = "faster_node_soon"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one node; each True is a reason of the same name. `approved` and `online` say the opposite."""

    approved: bool
    online: bool
    quarantined: bool = False
    draining: bool = False
    unhealthy: bool = False
    unreachable: bool = False
    resting: bool = False
    no_model: bool = False
    refused: bool = False
    no_disk: bool = False
    beside_others: bool = False
    busy: bool = False
    not_asking: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """What is known of the step. `chosen` is the node that gets it now, `ahead` names nodes that get another step
    first, and `placed` says whether the walk through the queue came to it; `capped`: its user holds what one may while
    others wait; `tried` names nodes that failed at it.
    """

    backoff: bool = False
    suspect: bool = False
    alone: bool = False
    capped: bool = False
    placed: bool = True
    chosen: str | None = None
    ahead: Collection[str] = ()
    tried: Collection[str] = ()


def reason(node: str, facts: Facts, turn: Turn) -> Reason:
    """Why this node does not start the step now; STARTING when it is about to."""
    ahead = node in turn.ahead or not turn.placed
    found = (
        (Reason.NOT_APPROVED, not facts.approved),
        (Reason.OFFLINE, not facts.online),
        (Reason.QUARANTINED, facts.quarantined),
        (Reason.DRAINING, facts.draining),
        (Reason.UNHEALTHY, facts.unhealthy),
        (Reason.UNREACHABLE, facts.unreachable),
        (Reason.RESTING, facts.resting),
        (Reason.NO_MODEL, facts.no_model),
        (Reason.REFUSED, facts.refused),
        (Reason.NO_DISK, facts.no_disk),
        (Reason.BACKOFF, turn.backoff),
        (Reason.SUSPECT, turn.suspect),
        (Reason.MUST_RUN_ALONE, turn.alone and facts.beside_others),
        (Reason.BUSY, facts.busy),
        (Reason.NOT_ASKING, facts.not_asking),
        (Reason.STARTING, node == turn.chosen),
        (Reason.USER_CAP, ahead and turn.capped),
        (Reason.BEHIND_OTHERS, ahead),
        (Reason.ANOTHER_NODE_FIRST, turn.chosen is not None or node in turn.tried),
        (Reason.FASTER_NODE_SOON, True),
    )
    return next(name for name, true in found if true)
