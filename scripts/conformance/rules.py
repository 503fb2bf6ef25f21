"""All rules in the order in which they are tried, and one after the other tried."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from scripts.conformance import joining, orders, reports
from scripts.conformance.trial import Broken, Skipped, Trial

Rule = Callable[[Trial], str]
Verdict = Literal["ok", "failed", "skipped"]
RULES: dict[str, Rule] = {
    "handshake": joining.handshake,
    "heartbeat": joining.heartbeat,
    "clock": joining.clock,
    "work": reports.work,
    "signatures": orders.signatures,
    "idempotency": orders.idempotency,
    "busy": orders.busy,
    "cancel": orders.cancel,
    "stale": orders.stale,
    "callbacks": reports.callbacks,
    "pieces": reports.pieces,
    "wrong_answers": reports.wrong_answers,
    "outbox": reports.outbox,
    "drain": joining.drain,
    "restart": joining.restart,
    "leave": joining.leave,
    "messages": joining.messages,
}


@dataclass(frozen=True)
class Finding:
    """How one rule went."""

    verdict: Verdict
    name: str
    words: str

    def line(self) -> str:
        """For people."""
        return f"{self.verdict} {self.name}: {self.words}"

    def fields(self) -> dict[str, str]:
        """For programs."""
        return asdict(self)


def tried(trial: Trial, names: Collection[str]) -> Iterator[Finding]:
    """Each rule of these names, in the order of the table."""
    for name, rule in RULES.items():
        if name in names:
            yield _tried(trial, name, rule)
            if name != "leave":
                trial.settle()


def _tried(trial: Trial, name: str, rule: Rule) -> Finding:
    try:
        return Finding("ok", name, rule(trial))
    except Broken as error:
        return Finding("failed", name, str(error))
    except Skipped as error:
        return Finding("skipped", name, str(error))
