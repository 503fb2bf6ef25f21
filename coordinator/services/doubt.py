"""The coordinator doubts itself first: after its own hiccup no work is taken away for one lease."""

from dataclasses import dataclass
from typing import Final

from coordinator.services.rules import Rules
from coordinator.store import attempts, facts
from coordinator.store.work import Work

NAME: Final = "doubt_until"
SILENT_NODES: Final = 3


@dataclass(slots=True)
class Pulse:
    """What one process notices of its own hiccups from look to look: it stood still, or its clock was set."""

    ticked: float | None = None
    clock: float = 0.0

    def feel(self, ticked: float, clock: float, lease_s: float) -> str | None:
        """Why to doubt, or None. `ticked` are monotonic seconds, `clock` is the time that leases are compared with."""
        last, self.ticked = self.ticked, ticked
        passed, self.clock = clock - self.clock, clock
        if last is None:
            return "started"
        if ticked - last > lease_s / 2:
            return "late"
        return "clock" if abs(passed - (ticked - last)) > lease_s / 2 else None


def doubt(work: Work, rules: Rules, reason: str) -> None:
    """Begin (or extend) the doubt, for every replica. No lease lasts longer than a lease from now on, wherever the
    clock was before."""
    attempts.shorten(work, work.now + rules.lease_s)
    facts.put(work, NAME, {"since": work.now, "until": work.now + rules.lease_s, "reason": reason})


def in_doubt(work: Work) -> bool:
    """Whether taking work away would be rash."""
    value = facts.get(work, NAME)
    return value is not None and float(value["until"]) > work.now


def silence(work: Work, rules: Rules) -> bool:
    """Begin a doubt when at least three nodes, more than half of those with work, fell silent since the last one began:
    it is more likely that they cannot reach us. Nodes that were silent all through a doubt are lost. True: it began."""
    last = facts.get(work, NAME)
    since = float(last["since"]) if last is not None else 0.0
    leases = attempts.leases(work)
    silent = sum(since <= until < work.now for until in leases.values())
    if silent < SILENT_NODES or 2 * silent <= len(leases):
        return False
    doubt(work, rules, "silence")
    return True
