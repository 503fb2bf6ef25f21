"""Opening files that strangers sent: allow-listed demuxers and decoders, no protocol but files, bounded numbers."""

import contextlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from interface_node.errors import BrokenMedia, MediaTooLarge, NotAVideo, TooManyStreams, UnsupportedContainer
from protocol import codecs

DEMUXERS: Final = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,avi"
MAX_SIDE: Final = 8192
"""What encoders of 8K take; a frame of this size squared is 100 MB, and a few are in memory at once."""
MAX_FRAMES: Final = 1_000_000
"""More than four hours at 60 a second: `MAX_SECONDS` is what a film meets first."""
MAX_SECONDS: Final = 4 * 3600.0
"""As the coordinator's probe has it. Times that jump by years would otherwise become files that last years."""
MAX_STREAMS: Final = 16
"""Pictures, some languages of sound and subtitles; each stream more is buffers and a decoder while a file is opened."""
OPEN_S: Final = 60.0
"""FFmpeg reads some megabytes to open a file. One from which nothing comes for so long was made for that."""
NO_PROTOCOL: Final = "none"


class Remote(Protocol):
    """A video that is not a file here: read where it is needed, and only that much of it."""

    @property
    def name(self) -> str:
        """What sentences call it."""

    @property
    def size(self) -> int:
        """In bytes."""

    def open(self) -> io.RawIOBase:
        """A reader at its beginning, with `read` and `seek`; what it raises comes out of whatever was reading."""


Media = Path | Remote


_LISTS: Final = {
    "format_whitelist": DEMUXERS,
    "codec_whitelist": codecs.WHITELIST,
    "max_streams": str(4 * MAX_STREAMS),  # beyond, the demuxer gives up; up to it, we can say how many there are
}


def url_of(path: Path) -> str:
    """The path with an explicit protocol, so that no file name can name another one (`concat:`, `subfile,`)."""
    return f"file:{path.absolute()}"


@contextlib.contextmanager
def open_media(media: Media) -> Iterator[InputContainer]:
    """The container of `media`, opened afresh.

    A playlist or a script that calls itself mp4 is refused by the list of demuxers: without it FFmpeg opens a concat
    script and reads the neighbouring files that it names. What is remote may open nothing but itself.
    """
    if isinstance(media, Path) and media.exists() and not media.is_file():
        raise NotAVideo(f"{media.name} is not a file")  # a pipe never ends, and a device may be anything
    file, protocols = (url_of(media), "file") if isinstance(media, Path) else (media.open(), NO_PROTOCOL)
    options = {**_LISTS, "protocol_whitelist": protocols}
    patience = OPEN_S if isinstance(media, Path) else None  # what is remote has a bound of its own
    try:
        container = av.open(file, mode="r", options=options, metadata_errors="replace", timeout=patience)
    except av.error.MemoryError as error:
        raise MediaTooLarge(f"{media.name} wants more memory than there is, or has far too many streams") from error
    except (av.error.FFmpegError, ValueError) as error:
        raise NotAVideo(f"{media.name} is not a video that we read: {reason(error)}") from error
    with container:
        if len(container.streams) > MAX_STREAMS:
            raise TooManyStreams(f"{len(container.streams)} streams, at most {MAX_STREAMS}")
        _refuse_crowded(container)
        _refuse_truncated(container, media.stat().st_size if isinstance(media, Path) else media.size)
        yield container


def video_stream(container: InputContainer, index: int | None = None) -> VideoStream:
    """The stream of that container-wide index, or the first that is not a cover picture; its decoder is bounded."""
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    chosen = [s for s in streams if index is None or s.index == index]
    if not chosen:
        raise NotAVideo("there is no video stream" if index is None else f"stream {index} is not a video")
    stream = chosen[0]
    if stream.codec_context is None:
        raise UnsupportedContainer("the video is in a codec that nobody here knows")
    if stream.codec_context.name not in codecs.DECODERS:
        raise UnsupportedContainer(f"the video is in the codec {stream.codec_context.name}, which is not accepted")
    if max(stream.width, stream.height) > MAX_SIDE:
        raise MediaTooLarge(f"{stream.width} x {stream.height} pixels, at most {MAX_SIDE} a side")
    if min(stream.width, stream.height) < 1 or stream.time_base is None:
        raise NotAVideo("the video stream has no picture size")
    # The open option of this name does not reach the decoder; this one does.
    stream.codec_context.options = {"max_pixels": str(MAX_SIDE * MAX_SIDE)}
    return stream


@contextlib.contextmanager
def reading(place: Callable[[], str]) -> Iterator[None]:
    """What FFmpeg says while packets or frames are read, as BrokenMedia that begins with `place()`."""
    try:
        yield
    except av.error.FFmpegError as error:
        raise BrokenMedia(f"{place()}: {reason(error)}") from error
    except IndexError as error:  # PyAV looks a packet's stream up in the list that it made when the file was opened
        raise BrokenMedia(f"{place()}: a new stream begins in the middle") from error


def reason(error: Exception) -> str:
    """FFmpeg's words without the path."""
    return str(getattr(error, "strerror", None) or error)[:300]


def _refuse_crowded(container: InputContainer) -> None:
    """An index of some kilobytes may name the same bytes millions of times. An edit list hides some of a true one."""
    for stream in container.streams.video:
        if len(stream.index_entries) > 2 * MAX_FRAMES:
            raise MediaTooLarge(f"the index names {len(stream.index_entries)} pictures, at most {MAX_FRAMES} are taken")


def _refuse_truncated(container: InputContainer, size: int) -> None:
    """An mp4 that is cut off reads to its end without an error, frames short. Its index knows better."""
    if "mp4" not in container.format.name:
        return
    for stream in container.streams:
        if len(stream.index_entries) and (last := stream.index_entries[-1]).pos + last.size > size:
            raise BrokenMedia(f"the file is cut off: {size} bytes, its index reaches to {last.pos + last.size}")
