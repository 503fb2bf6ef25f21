"""Pictures of what each quality option does, from frames of a real clip: as it is, without the option, with it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from interface_node.pipeline.frames import Geometry, Plane, blank, planes
from interface_node.pipeline.source import Shown
from interface_node.pipeline.still import picture_of

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
GREEN: Final = (32, 160, 96)
"""What the person is put over."""
CROP: Final = 0.3
"""Of the picture's height: the side of the square that is shown."""
SIDE: Final = 300
"""Pixels of each square as it is written."""
STRIP: Final = 26
"""Pixels below it, for its name."""
GAP: Final = 4
QUALITY: Final = 84
STILL: Final = 6
"""Codes of luma by which a pixel that stands still changes at most."""


class Clip(NamedTuple):
    """Decoded frames in the working format."""

    geometry: Geometry
    frames: list[Shown]

    @property
    def luma(self) -> list[Bytes]:
        """Eight bits of each frame's luma."""
        shift = 2 if self.geometry.pixels == "yuv420p10le" else 0
        return [(planes(one.frame)[0] >> shift).astype(np.uint8) for one in self.frames]


class Look(NamedTuple):
    """A frame's mask, `alpha: uint8 [h, w]`, and the planes of the person's colours."""

    alpha: Bytes
    colours: tuple[Plane, ...]


class _Found(NamedTuple):
    """Squares of one frame, RGB, and how much the option does there."""

    score: float
    squares: list[Bytes]


def write(folder: Path, clip: Clip, results: Mapping[str, Sequence[Look]]) -> None:
    """A JPEG for each option, of the place and frame where it does most. `results` by the names of the bench."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("fill holes", "refine edges", "decontaminate"):
        pairs = zip(clip.frames, results["none"], results[name], strict=True)
        found = (_composites(clip.geometry, shown, before, after) for shown, before, after in pairs)
        _save(folder, name, max(found, key=lambda one: one.score))
    _save(folder, "smooth", max(_flickers(clip, results["none"], results["smooth"]), key=lambda one: one.score))


def _composites(geometry: Geometry, shown: Shown, before: Look, after: Look) -> _Found:
    """The picture, and the person over one colour by both."""
    without, wanted = _over_green(before, geometry), _over_green(after, geometry)
    change = np.abs(wanted.astype(np.float32) - without).sum(axis=2)
    score, here = _most(change, geometry)
    return _Found(score, [picture[here].copy() for picture in (picture_of(shown.frame), without, wanted)])


def _flickers(clip: Clip, before: Sequence[Look], after: Sequence[Look]) -> Iterator[_Found]:
    """For each frame but the first the picture, and how the mask changed by both: white is much."""
    luma = clip.luma
    for number in range(1, len(luma)):
        changes = [cv2.absdiff(looks[number].alpha, looks[number - 1].alpha) for looks in (before, after)]
        moved = cv2.dilate(cv2.absdiff(luma[number], luma[number - 1]), np.ones((15, 15), np.uint8))
        gain = (changes[0].astype(np.float32) - changes[1]) * (np.asarray(moved) < STILL)
        score, here = _most(gain, clip.geometry)
        grey = [cv2.cvtColor(cv2.convertScaleAbs(one[here], alpha=3), cv2.COLOR_GRAY2RGB) for one in changes]
        yield _Found(
            score, [picture_of(clip.frames[number].frame)[here].copy(), *(np.asarray(g, np.uint8) for g in grey)]
        )


def _over_green(look: Look, geometry: Geometry) -> Bytes:
    frame = blank(geometry.width, geometry.height, geometry.pixels, geometry.colour)
    for target, plane in zip(planes(frame), look.colours, strict=True):
        target[:] = plane
    alpha = look.alpha[:, :, None].astype(np.float32) / 255
    made: Bytes = np.rint(picture_of(frame) * alpha + np.array(GREEN, np.float32) * (1 - alpha)).astype(np.uint8)
    return made


def _most(change: Floats, geometry: Geometry) -> tuple[float, tuple[slice, slice]]:
    """How much changes in the square where most does, and where that is."""
    side = max(16, round(CROP * geometry.height))
    sums = np.asarray(cv2.boxFilter(change, cv2.CV_32F, (side, side), anchor=(0, 0), normalize=False), np.float32)
    valid = sums[: max(1, change.shape[0] - side), : max(1, change.shape[1] - side)]
    top, left = (int(place) for place in np.unravel_index(int(valid.argmax()), valid.shape))
    return float(valid.max()), (slice(top, top + side), slice(left, left + side))


def _save(folder: Path, name: str, found: _Found) -> None:
    option = f"--{name.replace(' ', '-')}"
    names = ("the picture", "mask's change, without" if name == "smooth" else "without", option)
    gap = np.full((SIDE + STRIP, GAP, 3), 255, np.uint8)
    columns = [_named(square, words) for square, words in zip(found.squares, names, strict=True)]
    made = np.hstack([columns[0], gap, columns[1], gap, columns[2]])
    done, data = cv2.imencode(".jpg", made[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done, "a picture of this size can be encoded"
    (folder / f"quality{option[1:]}.jpg").write_bytes(data.tobytes())


def _named(square: Bytes, words: str) -> Bytes:
    strip = np.full((STRIP, SIDE, 3), 255, np.uint8)
    cv2.putText(strip, words, (4, STRIP - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    shown = np.asarray(cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.uint8)
    return np.vstack([shown, strip])
