"""Reading exactly the frames of a range, each with its own timestamp."""

from __future__ import annotations

import contextlib
import itertools
import os
import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NamedTuple

from av.buffer import Buffer
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from interface_node.errors import Cancelled, FramesMismatch, MediaTooLarge, NoFrames
from interface_node.pipeline.container import MAX_FRAMES, MAX_SECONDS, Media, open_media, reading, video_stream
from interface_node.pipeline.deinterlace import deinterlaced
from interface_node.pipeline.frames import RGB, Colour, Geometry
from interface_node.pipeline.mastering import mastering
from interface_node.pipeline.seeking import SEEK_BACK_S, frame_before, rate_of, seek
from interface_node.pipeline.spec import IsCancelled
from protocol.work import FrameRange

INTERLACED: Final = frozenset({2, 3, 4, 5})
"""FFmpeg's orders of fields."""


class Shown(NamedTuple):
    """A frame, and whether it belongs to the range; the others only warm a model up, or are looked ahead at."""

    frame: VideoFrame
    own: bool


class _Read(NamedTuple):
    """A frame that was read; `spare` ones only help to deinterlace the others."""

    frame: VideoFrame
    own: bool
    spare: bool = False


@dataclass(frozen=True)
class Source:
    """An open video: what it is, and its frames in presentation order. `rate` is an average, for encoders only."""

    geometry: Geometry
    time_base: Fraction
    rate: Fraction
    frames: Iterator[Shown]


@dataclass(frozen=True)
class Scan:
    """What a pass over the packets, without decoding, says of a video stream."""

    stream: int
    time_base: Fraction
    frames: int
    first_pts: int | None
    last_pts: int | None

    def whole(self) -> FrameRange:
        """The range of every frame, with what to expect."""
        return FrameRange(
            stream=self.stream,
            time_base=f"{self.time_base.numerator}/{self.time_base.denominator}",
            frames=self.frames if self.first_pts is not None else 0,
            first_pts=self.first_pts,
            last_pts=self.last_pts,
        )


def scan(media: Media) -> Scan:
    """Count the frames that will be shown; NoFrames when there are none. Header counts are not to be trusted."""
    with open_media(media) as container:
        stream = video_stream(container)
        shown: list[int | None] = []
        with reading(lambda: f"the file breaks after {len(shown)} packets"):
            shown.extend(packet.pts for packet in shown_packets(container, stream))
        if not shown:
            raise NoFrames("the video has no frames")
        stamps = [pts for pts in shown if pts is not None]
        planned = len(stamps) == len(shown)
        first, last = (min(stamps), max(stamps)) if planned else (None, None)
        return Scan(stream.index, stream.time_base or Fraction(1), len(shown), first, last)


def shown_packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """One packet for each frame that will be shown, as they lie in the file.

    What lies before the first keyframe of a recording that was cut anywhere refers to pictures that are gone; discarded
    packets are the pre-roll of an edit list.
    """
    packets = itertools.dropwhile(lambda packet: not packet.is_keyframe, container.demux(stream))
    return (packet for packet in packets if packet.size and not packet.is_discard)


@contextlib.contextmanager
def open_source(
    media: Media, wanted: FrameRange | None = None, cancelled: IsCancelled = lambda: False
) -> Iterator[Source]:
    """A video, positioned at the first frame of `wanted`, or at the first of those that warm a model up for it.

    NotAVideo, TooManyStreams, MediaTooLarge before anything is decoded; BrokenMedia, NoFrames and FramesMismatch also
    while `frames` is read, and Cancelled as soon as `cancelled()`: the way from a keyframe to the first frame that is
    wanted may be hours long.
    """
    with open_media(media) as container:
        stream = video_stream(container, wanted.stream if wanted else None)
        for other in container.streams:
            other.discard = Discard.default if other is stream else Discard.all
        # Frame threads only help where there are cores that the encoder does not need.
        stream.thread_type = "AUTO" if (os.cpu_count() or 1) > 4 else "NONE"
        time_base, said = stream.time_base or Fraction(1), _colour(stream.codec_context)
        if wanted and Fraction(wanted.time_base) != time_base:
            raise FramesMismatch(f"the stream counts time in {time_base}, the plan in {wanted.time_base}")
        frames = _progressive(_stamped(_checked(_exact(container, stream, wanted, cancelled), wanted)))
        first = next(frames, None)
        if first is None:
            raise NoFrames("the video has no frames" if wanted is None else "there are no frames in this range")
        geometry = _geometry(stream, first.frame, said)
        yield Source(geometry, time_base, rate_of(stream), itertools.chain([first], frames))


def _exact(
    container: InputContainer, stream: VideoStream, wanted: FrameRange | None, cancelled: IsCancelled
) -> Iterator[_Read]:
    """Frames with `start <= pts < end`, those that warm up before them and those looked ahead at behind them; of
    interlaced pictures one more on each side."""
    start, end = (wanted.start_pts, wanted.end_pts) if wanted else (None, None)
    more = int(stream.codec_context.field_order in INTERLACED)
    before, left = (wanted.warmup_frames, wanted.lookahead_frames) if wanted else (0, 0)
    first, begin = (_back(container, stream, start, count) for count in (before, before + more))
    for frame in _from(container, stream, begin, start, cancelled):
        if _before(frame, end):
            own = start is None or not _before(frame, start)
            yield _Read(frame, own, not own and _before(frame, first))
        elif left + more > 0:
            yield _Read(frame, False, left == 0)
            left, more = max(left - 1, 0), more if left else 0
        else:
            return


def _back(container: InputContainer, stream: VideoStream, start: int | None, frames: int) -> int | None:
    return frame_before(container, stream, start, frames) if start is not None and frames else start


def _from(
    container: InputContainer, stream: VideoStream, first: int | None, latest: int | None, cancelled: IsCancelled
) -> Iterator[VideoFrame]:
    """Frames from `first` on. It is a frame's pts, so another first frame means that we landed late.

    Where no decoder can show it, because a recording begins in the middle of something, the first frame that can be
    shown takes its place, up to the one at `latest`.

    Where to stop is seen on decoded frames, never on packets: with open groups of pictures, frames of a range lie in
    the file behind the next range's first keyframe. A stream that is refreshed by and by, without pictures that stand
    alone, is right only a whole refresh after the place where it begins to look right: there we land one further back.
    """
    if first is None or latest is None:
        yield from _decode(container, stream, cancelled)
        return
    refreshed: set[int] = set()
    for back in SEEK_BACK_S:
        seek(container, stream, first, back)
        decoded = _decode(container, stream, cancelled)
        landed = next(decoded, None)
        soonest = latest if back is None else first
        if landed is None or (landed.pts is not None and landed.pts > soonest):
            continue
        if not _stands_alone(landed) and back is not None:
            refreshed.add(landed.pts or 0)
            if len(refreshed) < 2:
                continue
        frames = (frame for frame in itertools.chain([landed], decoded) if not _before(frame, first))
        found = next(frames, None)
        if found is not None and found.pts is not None and found.pts <= soonest:
            yield from itertools.chain([found], frames)
            return
    raise FramesMismatch(f"there is no frame at {first}")


def _stands_alone(frame: VideoFrame) -> bool:
    return frame.key_frame or frame.pict_type == PictureType.I


def _before(frame: VideoFrame, limit: int | None) -> bool:
    return limit is None or frame.pts is None or frame.pts < limit


def _decode(container: InputContainer, stream: VideoStream, cancelled: IsCancelled) -> Iterator[VideoFrame]:
    """Frames in presentation order; MediaTooLarge and BrokenMedia name the place."""
    count, place = 0, 0.0
    begun: float | None = None
    with reading(lambda: f"the file breaks at {place:.2f} s, after {count} frames"):
        for frame in container.decode(stream):
            if cancelled():
                raise Cancelled("cancelled while the video was read")
            count += 1
            if count > MAX_FRAMES:
                raise MediaTooLarge(f"more than {MAX_FRAMES} frames")
            place = frame.time if frame.pts is not None else place
            begun = place if begun is None else begun
            if (length := place - begun) > MAX_SECONDS:
                raise MediaTooLarge(f"a frame is shown {length:.0f} s after the first, at most {MAX_SECONDS:.0f}")
            yield frame


def _checked(frames: Iterator[_Read], wanted: FrameRange | None) -> Iterator[_Read]:
    """Pass frames through; at the end, compare number, first and last timestamp of the range's own with the plan."""
    count, first, last = 0, None, None
    for shown in frames:
        if shown.own:
            first, last, count = (shown.frame.pts if count == 0 else first), shown.frame.pts, count + 1
        yield shown
    if wanted is None or not wanted.frames:
        return
    if count != wanted.frames:
        raise FramesMismatch(f"{count} frames could be decoded, the plan has {wanted.frames}")
    for name, found, planned in (("first", first, wanted.first_pts), ("last", last, wanted.last_pts)):
        if planned is not None and found != planned:
            raise FramesMismatch(f"the {name} frame is at {found}, the plan has {planned}")


def _stamped(frames: Iterator[_Read]) -> Iterator[_Read]:
    """Give every frame a timestamp after the one before: encoders refuse equal ones, and no frame may be dropped."""
    last: int | None = None
    for read in frames:
        frame = read.frame
        known = frame.pts if frame.pts is not None else frame.dts
        soonest = 0 if last is None else last + 1
        last = soonest if known is None else (known if last is None else max(known, soonest))
        frame.pts = last
        yield read


def _progressive(frames: Iterator[_Read]) -> Iterator[Shown]:
    waiting: deque[_Read] = deque()

    def pictures() -> Iterator[VideoFrame]:
        for read in frames:
            waiting.append(read)
            yield read.frame

    with reading(lambda: "the fields of a picture cannot be put together"):
        for frame in deinterlaced(pictures()):
            read = waiting.popleft()
            if not read.spare:
                yield Shown(frame, read.own)


def _colour(tagged: VideoFrame | VideoCodecContext) -> Colour:
    return Colour(tagged.color_range, tagged.colorspace, tagged.color_primaries, tagged.color_trc)


def _geometry(stream: VideoStream, first: VideoFrame, said: Colour) -> Geometry:
    """As the first frame says it: containers say less and sometimes other than the decoder. What it leaves open is
    taken as the container has it."""
    deep = any(component.bits > 8 for component in first.format.components)
    colour = _colour(first).filled(said)
    if first.format.is_rgb or colour.space == RGB:
        colour = Colour(1, 1, 1, 1)
    elif first.format.name.startswith("yuvj"):
        colour = Colour(2, colour.space, colour.primaries, colour.transfer)
    side = first.side_data.get("DISPLAYMATRIX")
    sar = stream.sample_aspect_ratio
    return Geometry(
        width=first.width,
        height=first.height,
        rotation=round(first.rotation / 90) * 90,
        matrix=struct.unpack("<9i", bytes(side)[:36]) if isinstance(side, Buffer) else None,
        sar=sar or None,
        pixels="yuv420p10le" if deep else "yuv420p",
        colour=colour,
        mastering=mastering(first),
    )
