"""Masks that do not flicker where nothing moves: the mean over a few frames before and after.

The window is finite and each frame in it is compared with the one in its middle, never with a running mean. So nothing
is dragged along behind what moves, and a segment that is given `REACH` frames around it has the masks of a whole run.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from interface_node.pipeline.frames import Plane
from protocol.work import FrameRange

REACH: Final = 2
"""Frames before and after: as many are read around a segment."""
STILL, MOVED = 4.0, 12.0
"""8-bit codes of luma or chroma at the model's size: up to the one a pixel stands still, from the other it moves."""
CUT: Final = 0.6
"""Of the picture: where more has moved, it is another scene."""
_AROUND: Final = np.ones((7, 7), np.uint8)


class Seen(NamedTuple):
    """A frame and its mask, `alpha: uint8 [h, w]`; `small` are its planes, `[h, w]` each, at the mask's size."""

    frame: VideoFrame
    own: bool
    alpha: NDArray[np.uint8]
    small: Sequence[Plane]


def widened(wanted: FrameRange | None) -> FrameRange | None:
    """The range with the frames around it that its smoothing needs, beyond those that warm a model up."""
    if wanted is None:
        return None
    around = {"warmup_frames": min(1000, wanted.warmup_frames + REACH), "lookahead_frames": REACH}
    return wanted.model_copy(update=around)


def smoothed(frames: Iterable[Seen]) -> Iterator[Seen]:
    """The same frames, `REACH` later, with steady masks. Memory: the frames of one window."""
    window: deque[Seen] = deque()
    place = 0
    for frame in frames:
        window.append(frame)
        if len(window) > REACH + place:
            yield _steady(window, place)
            place += 1
            if place > REACH:
                window.popleft()
                place -= 1
    while place < len(window):
        yield _steady(window, place)
        place += 1


def _steady(window: Sequence[Seen], place: int) -> Seen:
    middle = window[place]
    total = middle.alpha.astype(np.float32)
    weights = np.ones_like(total)
    for index in range(max(0, place - REACH), min(len(window), place + REACH + 1)):
        if index != place:
            weight = _stillness(middle.small, window[index].small)
            if weight is not None:
                total += weight * window[index].alpha
                weights += weight
    total /= weights
    return middle._replace(alpha=np.rint(total).astype(np.uint8))


def _stillness(one: Sequence[Plane], other: Sequence[Plane]) -> NDArray[np.float32] | None:
    """Where two pictures are the same: `float32 [h, w]`, 0..1, 0 also next to what moves; None when nothing is."""
    luma, blue, red = (cv2.absdiff(a, b) for a, b in zip(one, other, strict=True))
    moved = cv2.dilate(cv2.blur(cv2.max(luma, cv2.max(blue, red)), (3, 3)), _AROUND)
    codes = np.asarray(moved, np.float32)
    if one[0].dtype == np.uint16:
        codes *= np.float32(0.25)
    weight = np.clip((np.float32(MOVED) - codes) * np.float32(1 / (MOVED - STILL)), 0, 1)
    return None if np.count_nonzero(weight == 0) > CUT * weight.size else weight.astype(np.float32)
