"""Cursors of lists: opaque to callers, the place where the last page ended to us."""

import base64
import json
import re
from typing import Any, Final

from coordinator.errors import InvalidCursor

LARGEST: Final = 2**53
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


def encode(order: str, *values: str | float) -> str:
    """The cursor behind the row that has these values in the columns of `order`."""
    return base64.urlsafe_b64encode(json.dumps([order, *values]).encode()).rstrip(b"=").decode()


def decode(cursor: str, order: str, *kinds: type) -> tuple[Any, ...]:
    """The values, of these types (`float` takes whole numbers too). InvalidCursor: not ours, or of another order."""
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError) as error:
        raise InvalidCursor from error
    if not isinstance(found, list) or len(found) != len(kinds) + 1 or found[0] != order:
        raise InvalidCursor
    if not all(_fits(value, kind) for value, kind in zip(found[1:], kinds, strict=True)):
        raise InvalidCursor
    return tuple(found[1:])


def _fits(value: Any, kind: type) -> bool:
    """Whether a value is of its type and such that every database takes it."""
    if isinstance(value, str):
        return kind is str and not _UNSTORABLE.search(value)
    if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else kind):
        return False
    return not isinstance(value, (int, float)) or abs(value) <= LARGEST
