"""What webhooks tell, and what becomes of a delivery: values in, a value out."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

DAY_S: Final = 86_400.0
FIRST_S: Final = 5.0
MOST_S: Final = 3600.0
ANSWER_CHARACTERS: Final = 200
DETAIL_CHARACTERS: Final = 200

TYPES: Final[Mapping[str, str]] = {
    "created": "task.created",
    "waiting": "task.waiting",
    "retried": "task.waiting",
    "processing": "task.processing",
    "paused": "task.paused",
    "completed": "task.completed",
    "failed": "task.failed",
    "cancelled": "task.cancelled",
}
"""Events of a task that receivers are told, and under which name."""
COMPLETED: Final = "task.completed"
TRIAL: Final = "webhook.test"


class DeliveryState(StrEnum):
    """Where a message is: behind another of its task, tried at its time, or at one of three ends."""

    QUEUED = "queued"
    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"
    DROPPED = "dropped"


OPEN: Final = frozenset({DeliveryState.QUEUED, DeliveryState.WAITING})
OVER: Final = frozenset(DeliveryState) - OPEN


class Fault(StrEnum):
    """Why a try was none that counts."""

    STATUS = "status"
    REDIRECT = "redirect"
    GONE = "gone"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    UNKNOWN_HOST = "unknown_host"
    TLS = "tls"
    ADDRESS_REFUSED = "address_refused"
    BAD_ANSWER = "bad_answer"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one try brought. `status` None: nobody answered; `text` is the beginning of the body, as plain text."""

    took_s: float
    status: int | None = None
    text: str = ""
    fault: Fault | None = None
    detail: str = ""
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The delivery's state after a try, and the seconds until the next one where it still waits."""

    state: DeliveryState
    wait_s: float = 0.0


def fault_of(status: int) -> Fault | None:
    """What a status means; None: the message was taken."""
    if 200 <= status < 300:
        return None
    if status == 410:
        return Fault.GONE
    return Fault.REDIRECT if 300 <= status < 400 else Fault.STATUS


def judge(answer: Answer, tries: int, left_s: float, jitter: float) -> Verdict:
    """What follows from the `tries`-th try, `left_s` before the message is given up; `jitter` is 0..1."""
    match answer.fault:
        case None:
            return Verdict(DeliveryState.DELIVERED)
        case Fault.GONE:
            return Verdict(DeliveryState.DROPPED)
        case Fault.ADDRESS_REFUSED:
            return Verdict(DeliveryState.DEAD)
    wait = max(backoff(tries, jitter), min(MOST_S, answer.retry_after_s))
    return Verdict(DeliveryState.WAITING, wait) if wait <= left_s else Verdict(DeliveryState.DEAD)


def backoff(tries: int, jitter: float) -> float:
    """Seconds until the next try: twice as long each time up to `MOST_S`, a quarter more or less by `jitter` 0..1."""
    delay = min(MOST_S, FIRST_S * 2.0 ** min(tries - 1, 30))
    return delay * (0.75 + jitter / 2)
