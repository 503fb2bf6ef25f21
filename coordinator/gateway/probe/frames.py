"""Single frames of a video: the first that can be decoded, and one that is worth looking at."""

from itertools import islice
from typing import Final

from av import Packet, VideoFrame
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from coordinator.domain.media import LIMITS

PIXELS: Final = str(LIMITS.side * LIMITS.side)
_PACKETS: Final = 600
_SMALL: Final = 32
_LIVELY: Final = 32
_PLACES: Final = (0.1, 0.3, 0.6)


class Beginning:
    """The first frame that comes out when the packets of a stream are decoded in their order, as a node decodes them.

    What is shown before it cannot be decoded: a recording that was cut anywhere begins with pictures that refer to lost
    ones, and the pictures that an open group shows before its key frame refer to the group before.
    """

    def __init__(self, stream: VideoStream) -> None:
        self.frame: VideoFrame | None = None
        self._stream = stream
        self._left = _PACKETS

    def prepare(self) -> None:
        """Bound the decoder, before it opens."""
        self._stream.thread_type = "NONE"
        self._stream.codec_context.thread_count = 1
        self._stream.codec_context.options = {"max_pixels": PIXELS}

    def feed(self, packet: "Packet[VideoStream]") -> None:
        """The next packet; the empty one at the end of the file makes the decoder give out what it held back."""
        if self.frame is not None or not self._left:
            return
        self._left -= 1
        try:
            self.frame = next(iter(packet.decode()), None)
        except MemoryError:  # PyAV's is an FFmpegError too
            raise
        except FFmpegError:
            return  # damaged or dependent on what came before: a later frame may do


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
