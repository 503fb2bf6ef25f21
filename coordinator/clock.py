"""Time: the only place that asks the machine for it.

Rows hold Unix time in seconds (DOUBLE, microsecond resolution until 2255); durations inside a process are monotonic.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], float]
"""Unix time in seconds; handed down so that a simulation can own it."""


def system_clock() -> float:
    """Unix time in seconds."""
    return time.time()


def monotonic() -> float:
    """Seconds that never step back; only differences mean something."""
    return time.monotonic()


def rfc3339(at: float | None) -> str | None:
    """`2026-01-31T12:00:00.123Z`, as every time leaves the API."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
