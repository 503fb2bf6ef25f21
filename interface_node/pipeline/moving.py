"""A moving background: which of its frames is shown at a time of the source, and reading those one after another.

Decoded as it is needed and never held: at the start of a segment reading begins at the frame that is due there, at the
end of the loop it begins again.
"""

import contextlib
import itertools
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from av.video.frame import VideoFrame

from interface_node.errors import Cancelled, FramesMismatch, MediaTooLarge, NodeError, NoFrames
from interface_node.pipeline.container import MAX_FRAMES, Media, open_media, reading, video_stream
from interface_node.pipeline.frames import Geometry
from interface_node.pipeline.seeking import rate_of
from interface_node.pipeline.source import open_source, scan, shown_packets
from interface_node.pipeline.spec import IsCancelled
from protocol.work import FrameRange

FAR: Final = 250
"""Frames ahead that are decoded rather than sought: about the longest group of pictures that encoders make."""
MOST_SLACK: Final = Fraction(1, 1000)
"""In seconds. Containers round times to their ticks; a frame that is due within that is due."""


@dataclass(frozen=True)
class Reel:
    """When each frame of a background is shown. `starts` and `length` are ticks of `time_base` after its first frame.

    `first_pts` is None where the file gives no times: then its frames are equally long and found by counting.
    """

    stream: int
    time_base: Fraction
    starts: "array[int]"
    length: int
    first_pts: int | None

    def index_at(self, seconds: Fraction, loop: bool, slack: Fraction = Fraction(0)) -> int:
        """The frame whose interval covers `seconds`, modulo the length, or held at the last; `slack` is the rounding of
        the time that is asked for."""
        rounding = min(MOST_SLACK, slack + self.time_base / 2)
        ticks = (seconds + rounding) / self.time_base
        ticks = ticks % self.length if loop else min(max(ticks, Fraction(0)), Fraction(self.length))
        return max(0, bisect_right(self.starts, ticks) - 1)

    def index_of(self, frame: VideoFrame, counted: int) -> int:
        """Which frame that is; `counted` is its number where the file gives no times."""
        if self.first_pts is None or frame.pts is None:
            return counted
        return max(0, bisect_right(self.starts, frame.pts - self.first_pts) - 1)

    def onwards(self, index: int) -> FrameRange | None:
        """The range that begins with a frame; None is the whole file."""
        if self.first_pts is None or index == 0:
            return None
        base = f"{self.time_base.numerator}/{self.time_base.denominator}"
        return FrameRange(stream=self.stream, time_base=base, start_pts=self.first_pts + self.starts[index], frames=0)


def read_reel(path: Path, cancelled: IsCancelled = lambda: False) -> Reel:
    """By a pass over the packets, without decoding; NoFrames, MediaTooLarge, Cancelled, and `open_media`'s."""
    with open_media(path) as container:
        stream = video_stream(container)
        tick = stream.time_base or Fraction(1)
        stamps, untimed = array("q"), 0
        last: tuple[int | None, int] = (None, 0)
        with reading(lambda: f"the file breaks after {len(stamps)} packets"):
            for packet in shown_packets(container, stream):
                if len(stamps) + untimed == MAX_FRAMES:
                    raise MediaTooLarge(f"more than {MAX_FRAMES} frames")
                if cancelled():
                    raise Cancelled("cancelled while the background was read")
                if packet.pts is None:
                    untimed += 1
                    continue
                stamps.append(packet.pts)
                if last[0] is None or packet.pts >= last[0]:
                    last = (packet.pts, packet.duration or 0)
        each = max(1, round(1 / (rate_of(stream) * tick)))
        if untimed:
            count = len(stamps) + untimed
            return Reel(stream.index, tick, array("q", range(0, count * each, each)), count * each, None)
        if not stamps:
            raise NoFrames("the video has no frames")
        first = min(stamps)
        starts = array("q", sorted(pts - first for pts in stamps))
        return Reel(stream.index, tick, starts, starts[-1] + (last[1] or _gap(starts) or each), first)


def _gap(starts: "array[int]") -> int:
    return starts[-1] - starts[-2] if len(starts) > 1 else 0


def first_pts(source: Media, wanted: FrameRange | None) -> int | None:
    """The pts of a source's first frame, of which `wanted` may be a later part; None where only reading it tells."""
    if wanted is None or wanted.start_pts is None:
        return wanted.first_pts if wanted else None
    return scan(source).first_pts


@contextlib.contextmanager
def of_background() -> Iterator[None]:
    """What is wrong with a file, said of the background: the same error, and words that tell it from the source."""
    try:
        yield
    except Cancelled:
        raise
    except NodeError as error:
        raise type(error)(f"the background: {error.detail}") from error


class Player:
    """Reads the frames of a reel, mostly forwards. `close` it."""

    def __init__(self, path: Path, reel: Reel, cancelled: IsCancelled = lambda: False) -> None:
        self._path = path
        self._reel = reel
        self._cancelled = cancelled
        self._open = contextlib.ExitStack()
        self._frames: Iterator[tuple[int, VideoFrame]] = iter(())
        self._at = -1
        self._shown: VideoFrame | None = None
        self._geometry: Geometry | None = None

    def close(self) -> None:
        """Close the file."""
        self._frames = iter(())
        self._open.close()

    def frame(self, index: int) -> tuple[VideoFrame, Geometry]:
        """The frame of that number, or the next one that can be shown, and how it is stored. NoFrames, BrokenMedia."""
        with of_background():
            if self._shown is None or not self._at <= index <= self._at + FAR:
                self._begin(index)
            while self._at < index and (following := next(self._frames, None)) is not None:
                self._at, self._shown = following
        assert self._shown is not None
        assert self._geometry is not None
        return self._shown, self._geometry

    def _begin(self, index: int) -> None:
        try:
            self._begin_at(index)
        except FramesMismatch:  # a frame that no decoder can show: what comes before it shows where to go on
            self._begin_at(0)

    def _begin_at(self, index: int) -> None:
        self.close()
        wanted = self._reel.onwards(index)
        source = self._open.enter_context(open_source(self._path, wanted, self._cancelled))
        counter = itertools.count()
        frames = ((self._reel.index_of(shown.frame, next(counter)), shown.frame) for shown in source.frames)
        self._geometry, self._frames = source.geometry, frames
        self._at, self._shown = next(frames)
