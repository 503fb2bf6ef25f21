"""Who goes first among users: decayed use, kept as one number that orders users without ever being refreshed.

Use is node-seconds that halve every `HALF_LIFE_S`. At time t a user's use is `2 ** (score - t / HALF_LIFE_S)`: all
scores fall behind the clock equally fast, so their order changes only when somebody is charged.
"""

import math
from typing import Final

HALF_LIFE_S: Final = 6 * 3600.0
LEAST_S: Final = 1e-6
"""Use below this is none: a refund never makes a user a creditor."""


def use(score: float, now: float) -> float:
    """Decayed node-seconds behind a score. `now` is Unix seconds."""
    exponent = score - now / HALF_LIFE_S
    return 2.0 ** min(exponent, 1000.0) if exponent > -1000.0 else 0.0


def charged(score: float, seconds: float, now: float) -> float:
    """The score after `seconds` more (or, negative, fewer) node-seconds at `now`."""
    return now / HALF_LIFE_S + math.log2(max(LEAST_S, use(score, now) + seconds))


def corrected(score: float, estimate_s: float, since: float, actual_s: float, now: float) -> float:
    """The score when what was charged at `since` by estimate turns out to be `actual_s` at `now`."""
    return charged(score, actual_s - estimate_s * 2.0 ** ((since - now) / HALF_LIFE_S), now)


def cap(slots: int) -> int:
    """Slots that one user may hold while somebody else of the same class waits: half of them, rounded up."""
    return max(1, (slots + 1) // 2)
