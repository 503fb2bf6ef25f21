"""Reading exactly the frames of a range, each with its own timestamp."""

from __future__ import annotations

import contextlib
import itertools
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av.error
from av.buffer import Buffer
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from interface_node.errors import BrokenMedia, Cancelled, FramesMismatch, MediaTooLarge, NoFrames, UnsupportedStep
from interface_node.pipeline.container import MAX_FRAMES, open_media, reading, reason, video_stream
from interface_node.pipeline.frames import RGB, Colour, Geometry
from interface_node.pipeline.spec import IsCancelled
from protocol.work import FrameRange

SEEK_BACK_S: Final[tuple[float | None, ...]] = (0, 1, 3, 10, 30, 120, None)
"""How far before the wanted frame to land, tried in turn; None is the start. Transport streams land late."""


@dataclass(frozen=True)
class Source:
    """An open video: what it is, and its frames in presentation order. `rate` is an average, for encoders only."""

    geometry: Geometry
    time_base: Fraction
    rate: Fraction
    frames: Iterator[VideoFrame]


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


def scan(path: Path) -> Scan:
    """Count the frames that will be shown; NoFrames when there are none. Header counts are not to be trusted."""
    with open_media(path) as container:
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
    path: Path, wanted: FrameRange | None = None, cancelled: IsCancelled = lambda: False
) -> Iterator[Source]:
    """The video at `path`, positioned at the first frame of `wanted`.

    NotAVideo, TooManyStreams, MediaTooLarge before anything is decoded; BrokenMedia, NoFrames and FramesMismatch also
    while `frames` is read, and Cancelled as soon as `cancelled()`: the way from a keyframe to the first frame that is
    wanted may be hours long.
    """
    if wanted and (wanted.warmup_frames or wanted.lookahead_frames):
        raise UnsupportedStep("this node does not read frames around a segment yet")
    with open_media(path) as container:
        stream = video_stream(container, wanted.stream if wanted else None)
        # Frame threads only help where there are cores that the encoder does not need.
        stream.thread_type = "AUTO" if (os.cpu_count() or 1) > 4 else "NONE"
        time_base = stream.time_base or Fraction(1)
        if wanted and Fraction(wanted.time_base) != time_base:
            raise FramesMismatch(f"the stream counts time in {time_base}, the plan in {wanted.time_base}")
        frames = _stamped(_checked(_exact(container, stream, wanted, cancelled), wanted))
        first = next(frames, None)
        if first is None:
            raise NoFrames("the video has no frames" if wanted is None else "there are no frames in this range")
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        yield Source(_geometry(stream, first), time_base, rate, itertools.chain([first], frames))


def _exact(
    container: InputContainer, stream: VideoStream, wanted: FrameRange | None, cancelled: IsCancelled
) -> Iterator[VideoFrame]:
    """Frames with `start <= pts < end`. `start` is a frame's pts, so another first frame means that we landed late.

    The end is seen on decoded frames, never on packets: with open groups of pictures, frames of this range lie in the
    file behind the next range's first keyframe.
    """
    start, end = (wanted.start_pts, wanted.end_pts) if wanted else (None, None)
    if start is None:
        yield from itertools.takewhile(lambda frame: _before(frame, end), _decode(container, stream, cancelled))
        return
    for back in SEEK_BACK_S:
        _seek(container, stream, start, back)
        frames = (frame for frame in _decode(container, stream, cancelled) if not _before(frame, start))
        first = next(frames, None)
        if first is not None and first.pts == start:
            yield from itertools.takewhile(lambda frame: _before(frame, end), itertools.chain([first], frames))
            return
    raise FramesMismatch(f"there is no frame at {start}")


def _before(frame: VideoFrame, limit: int | None) -> bool:
    return limit is None or frame.pts is None or frame.pts < limit


def _seek(container: InputContainer, stream: VideoStream, start: int, back: float | None) -> None:
    tick = stream.time_base or Fraction(1)
    begin = stream.start_time or 0
    target = begin - int(10 / tick) if back is None else start - int(Fraction(back) / tick)
    try:
        container.seek(target, stream=stream, backward=True)
    except av.error.FFmpegError as error:
        if back is None:
            raise BrokenMedia(f"the file cannot be read from its start again: {reason(error)}") from error


def _decode(container: InputContainer, stream: VideoStream, cancelled: IsCancelled) -> Iterator[VideoFrame]:
    """Frames in presentation order; MediaTooLarge and BrokenMedia name the place."""
    count, place = 0, 0.0
    with reading(lambda: f"the file breaks at {place:.2f} s, after {count} frames"):
        for frame in container.decode(stream):
            if cancelled():
                raise Cancelled("cancelled while the video was read")
            count += 1
            if count > MAX_FRAMES:
                raise MediaTooLarge(f"more than {MAX_FRAMES} frames")
            place = frame.time if frame.pts is not None else place
            yield frame


def _checked(frames: Iterator[VideoFrame], wanted: FrameRange | None) -> Iterator[VideoFrame]:
    """Pass frames through and compare their number, first and last timestamp with the plan at the end."""
    count, first, last = 0, None, None
    for frame in frames:
        first, last, count = (frame.pts if count == 0 else first), frame.pts, count + 1
        yield frame
    if wanted is None or not wanted.frames:
        return
    if count != wanted.frames:
        raise FramesMismatch(f"{count} frames could be decoded, the plan has {wanted.frames}")
    for name, found, planned in (("first", first, wanted.first_pts), ("last", last, wanted.last_pts)):
        if planned is not None and found != planned:
            raise FramesMismatch(f"the {name} frame is at {found}, the plan has {planned}")


def _stamped(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    """Give every frame a timestamp after the one before: encoders refuse equal ones, and no frame may be dropped."""
    last: int | None = None
    for frame in frames:
        known = frame.pts if frame.pts is not None else frame.dts
        soonest = 0 if last is None else last + 1
        last = soonest if known is None else (known if last is None else max(known, soonest))
        frame.pts = last
        yield frame


def _geometry(stream: VideoStream, first: VideoFrame) -> Geometry:
    """As the first frame says it: containers say less and sometimes other than the decoder."""
    deep = any(component.bits > 8 for component in first.format.components)
    colour = Colour(first.color_range, first.colorspace, first.color_primaries, first.color_trc)
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
    )
