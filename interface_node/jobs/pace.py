"""How often and how long: the times of a node that are not settings."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Seconds. `report_s` between callbacks, `stuck_s` that a thread may ignore a cancel, `flush_s` for the outbox at
    the end, `pending_s` between heartbeats while an administrator has not decided, `poll_s` of a long poll.
    """

    report_s: float = 1.0
    stuck_s: float = 10.0
    flush_s: float = 3.0
    pending_s: float = 10.0
    poll_s: float = 25.0
