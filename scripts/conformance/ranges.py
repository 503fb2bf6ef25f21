"""`Range` and `Content-Range`, as far as nodes use them."""

import re

_WANTED = re.compile(r"^bytes=(\d*)-(\d*)$")
_PLACE = re.compile(r"^bytes (\d+)-(\d+)/(\d+)$")


def wanted(header: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte that a GET asks for; None: the whole file, also for what we do not understand."""
    found = _WANTED.match(header or "")
    if found is None or found[0] == "bytes=-" or size == 0:
        return None
    if not found[1]:
        return max(0, size - int(found[2])), size - 1
    first, last = int(found[1]), int(found[2] or size - 1)
    return (first, min(last, size - 1)) if first <= min(last, size - 1) else None


def content_range(header: str) -> tuple[int, int, int] | None:
    """First byte, last byte and total of a piece."""
    found = _PLACE.match(header)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None
