"""The sorted timestamps of a video's frames, kept beside the file: differences, little-endian int64, deflated.

A million frames at a constant rate take some 12 KB. The list is the truth that segments and joins are planned from.
Standard library only: the probe's worker process imports this module.
"""

import sys
import zlib
from array import array
from collections.abc import Iterable
from itertools import accumulate, pairwise
from typing import Final

from coordinator.domain.media import LIMITS

INT64: Final = "q"
_MAX_BYTES: Final = 8 * (LIMITS.frames + 1)


def timestamps(values: Iterable[int]) -> "array[int]":
    """The values as int64, ascending."""
    return array(INT64, sorted(values))


def pack(pts: "array[int]") -> bytes:
    """Sorted int64 timestamps as bytes. OverflowError: two neighbours lie further apart than int64 can say."""
    steps = array(INT64, [*pts[:1], *(later - earlier for earlier, later in pairwise(pts))])
    if sys.byteorder == "big":
        steps.byteswap()
    return zlib.compress(steps.tobytes(), 6)


def unpack(data: bytes) -> "array[int]":
    """What `pack` was given. ValueError: not such bytes, or more of them than a video may have frames."""
    inflater = zlib.decompressobj()
    try:
        raw = inflater.decompress(data, _MAX_BYTES)
    except zlib.error as error:
        raise ValueError("not a list of timestamps") from error
    if not inflater.eof or len(raw) % 8:
        raise ValueError("not a whole list of timestamps")
    steps = array(INT64)
    steps.frombytes(raw)
    if sys.byteorder == "big":
        steps.byteswap()
    return array(INT64, accumulate(steps))
