"""Examining a video: one pass over its packets without decoding, and its first key frame decoded."""

import hashlib
import os
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final, NamedTuple

import av
from av import VideoFrame
from av.container import InputContainer
from av.error import ArgumentError, FFmpegError
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from coordinator.domain.media import DEMUXERS, LIMITS, VideoFacts
from coordinator.domain.timestamps import FrameTimes, frame_times
from coordinator.gateway.probe import frames
from coordinator.gateway.probe.containers import faststart, name_of
from coordinator.gateway.probe.frames import Beginning
from coordinator.gateway.probe.refusal import Refused
from coordinator.gateway.probe.sniff import Claim, claim, head
from protocol import codecs

_SLIGHT: Final = 0.02
_ROUNDED_S: Final = 0.002
_NOT_A_VIDEO: Final[frozenset[Claim]] = frozenset({"text", "unknown", "image", "other image"})


class Examined(NamedTuple):
    """The facts, the timestamps (empty without `has_timestamps`), and a frame to show."""

    facts: VideoFacts
    times: FrameTimes
    poster: VideoFrame


@dataclass(slots=True)
class _Pass:
    """What the packets of one stream say, in their order; `frames` are those that will be shown."""

    begun: Beginning
    keyed: bool = False
    pts: list[int] = field(default_factory=list)
    key_pts: set[int] = field(default_factory=set)
    frames: int = 0
    packets: int = 0
    keyframes: int = 0
    untimed: int = 0
    last_duration: int = 0


def examine(descriptor: int, *, quick: bool) -> Examined:
    """Facts, timestamps and a frame of the file behind the descriptor.

    `quick` spares the decoding that FFmpeg does while opening; it is right for files of our own encoders. Refused:
    empty_file, not_a_video, unsupported_container, no_frames, broken_media, media_too_large, media_too_long,
    too_many_streams.
    """
    claimed = claim(head(descriptor))
    if claimed == "empty":
        raise Refused("empty_file")
    with _opened(descriptor, claimed, quick=quick) as container:
        stream = _video_stream(container)
        seen = _walk(container, stream)
        if not seen.frames:
            raise Refused("no_frames")
        _check_whole(container, stream, seen)
        frame = seen.begun.frame
        if frame is None:
            raise Refused("broken_media", "no frame of the video can be decoded")
        _check_size(frame.width, frame.height)
        times, duration = _timeline(container, stream, seen)
        facts = _facts(descriptor, container, stream, frame, seen, times.pts, duration)
        return Examined(facts, times, frame if quick else frames.lively(container, stream, frame, duration))


@contextmanager
def _opened(descriptor: int, claimed: Claim, *, quick: bool) -> Iterator[InputContainer]:
    options = {
        "fd": str(descriptor),
        "protocol_whitelist": "fd",
        "format_whitelist": DEMUXERS,
        "codec_whitelist": codecs.WHITELIST,
        "max_pixels": frames.PIXELS,
        "max_streams": str(LIMITS.streams + 1),
    }
    if quick:
        options["skip_frame"] = "all"
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        container = av.open("fd:", options=options)
    except ArgumentError as error:  # FFmpeg knows the format and the list of accepted ones lacks it
        code = "not_a_video" if claimed in _NOT_A_VIDEO - {"unknown"} else "unsupported_container"
        raise Refused(code) from error
    except MemoryError:  # PyAV's is an FFmpegError too
        raise
    except FFmpegError as error:
        if claimed == "playlist":
            raise Refused("unsupported_container") from error
        raise Refused("not_a_video" if claimed in _NOT_A_VIDEO else "broken_media") from error
    with container:
        try:
            yield container
        except MemoryError:
            raise
        except FFmpegError as error:
            raise Refused("broken_media", "the file is damaged or ends early") from error


def _video_stream(container: InputContainer) -> VideoStream:
    count = len(container.streams)
    if count > LIMITS.streams:
        raise Refused("too_many_streams", f"more than {LIMITS.streams} streams", streams=count, max=LIMITS.streams)
    if not count:
        raise Refused("no_frames", "there is nothing in the file")
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        raise Refused("not_a_video", "there is no video stream in the file")
    best = container.streams.best("video")
    stream = next((s for s in streams if best is not None and s.index == best.index), streams[0])
    if not _can_decode(stream):
        raise Refused("broken_media", "no decoder knows the video stream")
    if (name := stream.codec_context.name) not in codecs.DECODERS:
        raise Refused("unsupported_container", f"the video is in the codec {name}, which is not accepted")
    _check_size(stream.codec_context.width, stream.codec_context.height)
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    return stream


def _can_decode(stream: VideoStream) -> bool:
    """PyAV gives a stream of an unknown codec no codec context, whatever its types say."""
    context: object = stream.codec_context
    return context is not None


def _check_size(width: int, height: int) -> None:
    if max(width, height) > LIMITS.side:
        raise Refused(
            "media_too_large",
            f"{width} x {height} pixels; at most {LIMITS.side} a side",
            width=width,
            height=height,
            max_side=LIMITS.side,
        )


def _walk(container: InputContainer, stream: VideoStream) -> _Pass:
    seen = _Pass(Beginning(stream))
    seen.begun.prepare()
    furthest: int | None = None
    for packet in container.demux(stream):
        seen.begun.feed(packet)
        if not packet.size:
            continue
        seen.packets += 1
        seen.keyed = seen.keyed or packet.is_keyframe
        if packet.is_discard or not seen.keyed:
            continue
        seen.frames += 1
        seen.keyframes += packet.is_keyframe
        if seen.frames > LIMITS.frames:
            raise Refused("media_too_long", f"more than {LIMITS.frames} frames", max_frames=LIMITS.frames)
        if packet.pts is None:
            seen.untimed += 1
            continue
        seen.pts.append(packet.pts)
        if packet.is_keyframe:
            seen.key_pts.add(packet.pts)
        if furthest is None or packet.pts > furthest:
            furthest, seen.last_duration = packet.pts, packet.duration or 0
    _drop_lost(seen)
    return seen


def _drop_lost(seen: _Pass) -> None:
    """Forget what is shown before the first frame that can be decoded."""
    frame = seen.begun.frame
    begin = frame.pts if frame is not None else None
    if begin is None or not seen.pts or begin <= min(seen.pts):
        return
    kept = [pts for pts in seen.pts if pts >= begin]
    lost_keys = {pts for pts in seen.key_pts if pts < begin}
    seen.frames -= len(seen.pts) - len(kept)
    seen.keyframes -= len(lost_keys)
    seen.pts, seen.key_pts = kept, seen.key_pts - lost_keys


def _check_whole(container: InputContainer, stream: VideoStream, seen: _Pass) -> None:
    """An mp4 whose data was cut off still has its whole index, and its demuxer just stops."""
    if container.format.name.startswith("mov") and seen.packets < len(stream.index_entries):
        raise Refused("broken_media", "the file ends before its last frame", frames=seen.packets)


def _timeline(container: InputContainer, stream: VideoStream, seen: _Pass) -> tuple[FrameTimes, float]:
    times = frame_times(seen.pts, seen.key_pts)
    pts, base = times.pts, stream.time_base or Fraction(1, 1000)
    if seen.untimed or len(set(pts)) != len(pts) or _only_counted(container, stream, seen.pts):
        times = frame_times(())
        duration = (container.duration or 0) / av.time_base or seen.frames / float(_rate(stream))
    else:
        last = seen.last_duration or ((pts[-1] - pts[0]) // (len(pts) - 1) if len(pts) > 1 else 0)
        duration = _exact(float((pts[-1] - pts[0] + last) * base), seen.frames, stream)
    if duration > LIMITS.duration:
        raise Refused(
            "media_too_long",
            f"{duration:.0f} seconds; at most {LIMITS.duration:.0f}",
            duration=duration,
            max_duration=LIMITS.duration,
        )
    return times, duration


def _only_counted(container: InputContainer, stream: VideoStream, pts: list[int]) -> bool:
    """An avi has no timestamps: its packets are counted, which is another order where frames refer to later ones."""
    reordered = container.format.name == "avi" and stream.codec_context.has_b_frames
    return bool(reordered) and all(earlier < later for earlier, later in pairwise(pts))


def _exact(measured: float, frames: int, stream: VideoStream) -> float:
    """Containers that round times, as matroska does to milliseconds, round the last frame's duration too."""
    stated = frames / float(_rate(stream))
    rounding = min(2 * float(stream.time_base or 0), _ROUNDED_S)
    return stated if not measured or abs(stated - measured) <= rounding else measured


def _frame_rate(frames: int, duration: float, stream: VideoStream) -> float:
    """What the container states, unless its own frames contradict it."""
    found, stated = frames / duration, float(_rate(stream))
    return stated if abs(found - stated) <= _SLIGHT * stated else found


def _rate(stream: VideoStream) -> Fraction:
    return stream.average_rate or stream.guessed_rate or Fraction(25)


def _facts(
    descriptor: int,
    container: InputContainer,
    stream: VideoStream,
    frame: VideoFrame,
    seen: _Pass,
    pts: "array[int]",
    duration: float,
) -> VideoFacts:
    context = stream.codec_context
    name = name_of(container.format.name, head(descriptor))
    base = stream.time_base or Fraction(1, 1000)
    sar = stream.sample_aspect_ratio or Fraction(1)
    return VideoFacts(
        container=name,
        codec=context.codec.canonical_name,
        pix_fmt=frame.format.name,
        width=frame.width,
        height=frame.height,
        rotation=frame.rotation,
        sar=f"{sar.numerator}/{sar.denominator}",
        color=_color(context),
        stream=stream.index,
        time_base=f"{base.numerator}/{base.denominator}",
        frames=seen.frames,
        keyframes=seen.keyframes,
        first_pts=pts[0] if pts else None,
        last_pts=pts[-1] if pts else None,
        has_timestamps=bool(pts),
        duration=round(duration, 6),
        fps=round(_frame_rate(seen.frames, duration, stream), 6),
        has_audio=bool(container.streams.audio),
        streams=[_stream_summary(s) for s in container.streams],
        extradata_sha256=hashlib.sha256(context.extradata or b"").hexdigest(),
        faststart=faststart(descriptor) if name in {"mp4", "mov"} else None,
    )


def _color(context: Any) -> dict[str, int]:
    return {
        "range": int(context.color_range),
        "matrix": int(context.colorspace),
        "primaries": int(context.color_primaries),
        "transfer": int(context.color_trc),
    }


def _stream_summary(stream: Any) -> dict[str, Any]:
    context = stream.codec_context
    return {"index": stream.index, "type": stream.type, "codec": context.codec.canonical_name if context else ""}
