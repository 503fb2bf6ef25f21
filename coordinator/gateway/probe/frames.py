"""Single frames of a video: the first, to see that it can be decoded, and one that is worth looking at."""

from itertools import islice
from typing import Final

from av import Packet, VideoFrame
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from coordinator.domain.media import LIMITS
from coordinator.gateway.probe.refusal import Refused

PIXELS: Final = str(LIMITS.side * LIMITS.side)
_PACKETS: Final = 600
_SMALL: Final = 32
_LIVELY: Final = 32
_PLACES: Final = (0.1, 0.3, 0.6)


def first(container: InputContainer, stream: VideoStream, key: "Packet[VideoStream] | None") -> VideoFrame:
    """The first frame that can be decoded; `key` is the first key frame's packet. Refused: broken_media."""
    context = stream.codec_context
    stream.thread_type = "NONE"
    context.thread_count = 1
    context.options = {"max_pixels": PIXELS}
    frame = _alone(stream, key) if key is not None else None
    frame = frame or _from(container, stream, stream.start_time or 0)
    if frame is None:
        raise Refused("broken_media", "no frame of the video can be decoded")
    return frame


def lively(container: InputContainer, stream: VideoStream, frame: VideoFrame, duration: float) -> VideoFrame:
    """`frame`, or where that is all of one colour, as the black before a title, a later one."""
    if _contrast(frame) >= _LIVELY or stream.time_base is None:
        return frame
    for place in _PLACES:
        at = (stream.start_time or 0) + round(duration * place / stream.time_base)
        try:
            later = _from(container, stream, at)
        except FFmpegError:
            return frame
        if later is not None and _contrast(later) >= _LIVELY:
            return later
    return frame


def _contrast(frame: VideoFrame) -> int:
    """The difference of the darkest and the brightest spot of a tiny copy, 0..255."""
    small = frame.reformat(width=_SMALL, height=_SMALL, format="gray", interpolation="AREA", threads=1)
    spots = bytes(small.planes[0])
    return max(spots) - min(spots)


def _alone(stream: VideoStream, key: "Packet[VideoStream]") -> VideoFrame | None:
    """The key frame by itself: what the decoder holds back for reordering comes out at the flush."""
    context = stream.codec_context
    try:
        return next(iter([*context.decode(key), *context.decode(None)]), None)
    except MemoryError:  # PyAV's is an FFmpegError too
        raise
    except FFmpegError:
        return None  # damaged or dependent on what came before: a later frame may do


def _from(container: InputContainer, stream: VideoStream, at: int) -> VideoFrame | None:
    """The first frame that comes out when decoding starts at or before `at`."""
    stream.codec_context.flush_buffers()
    container.seek(at, stream=stream)
    for packet in islice(container.demux(stream), _PACKETS):
        try:
            for frame in packet.decode():
                return frame
        except MemoryError:
            raise
        except FFmpegError:
            continue  # the pictures before the first key frame of a stream that was cut anywhere
    return None
