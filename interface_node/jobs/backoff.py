"""How long to wait before the next try."""

import random
from collections.abc import Iterator


def waits(limit_s: float, first_s: float = 0.25) -> Iterator[float]:
    """Seconds: doubling from `first_s` up to `limit_s`, each with jitter (half to the whole), for ever."""
    step = min(first_s, limit_s)
    while True:
        yield step * (0.5 + random.random() / 2)
        step = min(step * 2, limit_s)


def limit(lease_s: float) -> float:
    """A node with work never waits longer than a third of its lease; nobody waits longer than 10 s."""
    return min(10.0, lease_s / 3)
