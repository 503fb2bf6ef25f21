"""Waiting for something to become true: looked at often, for a bounded time, with a sentence for when it does not."""

import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
LOOK_S = 0.03
PATIENCE = float(os.environ.get("SEGFLEET_TEST_PATIENCE", "4"))
"""How many times as long as on a quiet machine things may take: the suite keeps two cores busier than any promise in
seconds means, and a test that times the machine says nothing. 1 holds promises to their seconds."""

LEASE_S = max(1.0, 0.4 * PATIENCE)
"""The shortest lease that is kept: on a busy machine every program stands still for a second now and then."""


def busy(seconds: float) -> float:
    """What a bound of so many seconds on a quiet machine is on this one."""
    return seconds * PATIENCE


def until(look: Callable[[], T | None], seconds: float, wanted: str, seen: Callable[[], object] | None = None) -> T:
    """The first answer of `look` that is true; fails with `wanted` and the last answer, or with what `seen` sees, after
    `seconds` of a quiet machine."""
    bound = busy(seconds)
    end = time.monotonic() + bound
    while not (found := look()):
        assert time.monotonic() < end, f"not within {bound:g} s: {wanted}; last seen: {seen() if seen else found!r}"
        time.sleep(LOOK_S)
    return found
