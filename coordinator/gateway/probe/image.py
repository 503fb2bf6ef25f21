"""Examining a still: the size is read from the header before any decoder sees the file."""

import os
import struct
from fractions import Fraction
from typing import Final

import av
from av import VideoFrame
from av.error import FFmpegError

from coordinator.domain.media import LIMITS, ImageFacts
from coordinator.gateway.probe.picture import thumbnail
from coordinator.gateway.probe.refusal import Refused
from coordinator.gateway.probe.sniff import claim, head, image_format

_DEMUXERS: Final = "jpeg_pipe,png_pipe,webp_pipe"
_DECODERS: Final = "mjpeg,png,webp,vp8"
_HEADER_SEARCH: Final = 4 << 20
_NOT_FRAME_HEADERS: Final = frozenset({0xC4, 0xC8, 0xCC})


def examine(descriptor: int, size: int) -> tuple[ImageFacts, bytes]:
    """The facts and a thumbnail. Refused: empty_file, not_an_image, media_too_large, broken_media."""
    data = head(descriptor)
    if claim(data) == "empty":
        raise Refused("empty_file")
    kind = image_format(data)
    if kind is None:
        raise Refused("not_an_image")
    width, height = _measure(kind, os.pread(descriptor, min(size, _HEADER_SEARCH), 0))
    _check(width, height)
    frame = _decode(descriptor)
    _check(frame.width, frame.height)
    facts = ImageFacts(kind, kind, frame.format.name, frame.width, frame.height, frame.rotation)
    return facts, thumbnail(frame, frame.rotation, Fraction(1))


def _check(width: int, height: int) -> None:
    if not 0 < width <= LIMITS.image_pixels or not 0 < height <= LIMITS.image_pixels:
        raise Refused("broken_media", f"the header says {width} x {height} pixels")
    if max(width, height) > LIMITS.side or width * height > LIMITS.image_pixels:
        raise Refused(
            "media_too_large",
            f"{width} x {height} pixels; at most {LIMITS.side} a side and {LIMITS.image_pixels} in all",
            width=width,
            height=height,
            max_side=LIMITS.side,
            max_pixels=LIMITS.image_pixels,
        )


def _decode(descriptor: int) -> VideoFrame:
    pixels = str(LIMITS.image_pixels)
    options = {
        "fd": str(descriptor),
        "protocol_whitelist": "fd",
        "format_whitelist": _DEMUXERS,
        "codec_whitelist": _DECODERS,
        "max_pixels": pixels,
    }
    os.lseek(descriptor, 0, os.SEEK_SET)  # the `fd:` protocol reads on from where the descriptor stands
    try:
        with av.open("fd:", options=options) as container:
            stream = container.streams.video[0]
            stream.thread_type = "NONE"
            stream.codec_context.options = {"max_pixels": pixels, "err_detect": "crccheck+bitstream+buffer+explode"}
            for frame in container.decode(stream):
                if frame.is_corrupt:
                    break
                return frame
    except MemoryError:  # PyAV's is an FFmpegError too
        raise
    except (FFmpegError, IndexError) as error:
        raise Refused("broken_media", "the picture cannot be decoded") from error
    raise Refused("broken_media", "the picture cannot be decoded")


def _measure(kind: str, data: bytes) -> tuple[int, int]:
    try:
        if kind == "png":
            return struct.unpack_from(">II", data, 16)
        return _measure_webp(data) if kind == "webp" else _measure_jpeg(data)
    except (struct.error, IndexError) as error:
        raise Refused("broken_media", "the header of the picture is cut off") from error


def _measure_webp(data: bytes) -> tuple[int, int]:
    chunk = data[12:16]
    if chunk == b"VP8X":
        if data[20] & 2:
            raise Refused("not_an_image", "animated pictures are not accepted")
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _measure_jpeg(data: bytes) -> tuple[int, int]:
    at = 2
    while True:
        if data[at] != 0xFF:
            raise Refused("broken_media", "the header of the picture is damaged")
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAME_HEADERS:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + length
