"""The coordinator doubts itself first: after its own hiccup no work is taken away for one lease."""

from typing import Final

from coordinator.services.rules import Rules
from coordinator.store import attempts, facts
from coordinator.store.work import Work

NAME: Final = "doubt_until"
SILENT_NODES: Final = 3


def doubt(work: Work, rules: Rules, reason: str) -> None:
    """Begin (or extend) the doubt, for every replica."""
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
