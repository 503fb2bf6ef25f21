"""The sorted timestamps of a video's frames, kept beside the file, and which of them are keyframes'.

On the disk they are one deflated list of little-endian int64: how many frames, the differences of their timestamps, the
differences of the keyframes' places. A million frames at a constant rate take some 12 KB. The list is the truth that
segments and joins are planned from. Standard library only: the probe's worker process imports this module.
"""

import sys
import zlib
from array import array
from collections.abc import Collection, Iterable
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

from coordinator.domain.media import LIMITS

INT64: Final = "q"
_MAX_BYTES: Final = 8 * (2 * LIMITS.frames + 2)


class FrameTimes(NamedTuple):
    """`pts` of all frames, int64, ascending, in the stream's time base; `keys` are the places of keyframes in it."""

    pts: "array[int]"
    keys: "array[int]"


def frame_times(pts: Iterable[int], key_pts: Collection[int] = ()) -> FrameTimes:
    """Timestamps in any order, sorted, with the places of those that are `key_pts`."""
    stamps, wanted = array(INT64, sorted(pts)), frozenset(key_pts)
    return FrameTimes(stamps, array(INT64, [place for place, stamp in enumerate(stamps) if stamp in wanted]))


def pack(times: FrameTimes) -> bytes:
    """As bytes. OverflowError: two neighbours lie further apart than int64 can say."""
    steps = array(INT64, [len(times.pts), *_steps(times.pts), *_steps(times.keys)])
    if sys.byteorder == "big":
        steps.byteswap()
    return zlib.compress(steps.tobytes(), 6)


def _steps(values: "array[int]") -> list[int]:
    return [*values[:1], *(later - earlier for earlier, later in pairwise(values))]


def unpack(data: bytes) -> FrameTimes:
    """What `pack` was given. ValueError: not such bytes, or more of them than a video may have frames."""
    inflater = zlib.decompressobj()
    try:
        raw = inflater.decompress(data, _MAX_BYTES)
    except zlib.error as error:
        raise ValueError("not a list of timestamps") from error
    if not inflater.eof or not raw or len(raw) % 8:
        raise ValueError("not a whole list of timestamps")
    steps = array(INT64)
    steps.frombytes(raw)
    if sys.byteorder == "big":
        steps.byteswap()
    end = steps[0] + 1
    try:
        pts, keys = array(INT64, accumulate(steps[1:end])), array(INT64, accumulate(steps[end:]))
    except OverflowError as error:
        raise ValueError("not a list of timestamps") from error
    if not len(keys) <= len(pts) == steps[0] or (keys and not 0 <= min(keys) <= max(keys) < len(pts)):
        raise ValueError("not a whole list of timestamps")
    return FrameTimes(pts, keys)
