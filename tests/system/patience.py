"""Waiting for something to become true: looked at often, for a bounded time, with a sentence for when it does not."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
LOOK_S = 0.03


def until(look: Callable[[], T | None], seconds: float, wanted: str, seen: Callable[[], object] | None = None) -> T:
    """The first answer of `look` that is true; fails with `wanted` and the last answer, or with what `seen` sees,
    after `seconds`."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"not within {seconds:g} s: {wanted}; last seen: {seen() if seen else found!r}"
        time.sleep(LOOK_S)
    return found
