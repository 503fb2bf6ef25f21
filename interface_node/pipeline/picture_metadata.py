"""What a JPEG, PNG or WebP says beside its pixels: which way is up, and what its colours mean.

Read here and not by the decoder, which turns colour and leaves alpha as it lies. Nonsense counts as nothing said.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from interface_node.pipeline.picture_header import JPEG_FRAMES, JPEG_MAGIC, PNG_MAGIC

ORIENTATION: Final = 0x0112
MOST_PROFILE: Final = 4 * 1024 * 1024
MOST_ENTRIES: Final = 500


@dataclass(frozen=True)
class Metadata:
    """`orientation` as EXIF counts it, 1..8, 1 being upright; `profile` is an ICC profile.

    `inks` are the components of a JPEG; `adobe` says that four of them are counted as Adobe does, paper being 255.
    """

    orientation: int = 1
    profile: bytes | None = None
    inks: int = 3
    adobe: bool = False


def read_metadata(data: bytes) -> Metadata:
    """Of a whole file."""
    if data.startswith(JPEG_MAGIC):
        return _of_jpeg(data)
    if data.startswith(PNG_MAGIC):
        return _of_png(data)
    chunks = dict(_riff(data))
    return Metadata(_orientation(chunks.get(b"EXIF", b"")), chunks.get(b"ICCP"))


def _of_jpeg(data: bytes) -> Metadata:
    orientation, inks, adobe = 1, 3, False
    profile: dict[int, bytes] = {}
    for marker, body in _segments(data):
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            orientation = _orientation(body)
        elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\0") and len(body) > 14:
            profile[body[12]] = body[14:]
        elif marker == 0xEE and body.startswith(b"Adobe"):
            adobe = True
        elif marker in JPEG_FRAMES and len(body) > 5:
            inks = body[5]
    whole = b"".join(profile[number] for number in sorted(profile))
    return Metadata(orientation, whole or None, inks, adobe)


def _of_png(data: bytes) -> Metadata:
    orientation, profile = 1, None
    for kind, body in _chunks(data):
        if kind == b"eXIf":
            orientation = _orientation(body)
        elif kind == b"iCCP":
            profile = _unpacked(body.partition(b"\0")[2][1:])
    return Metadata(orientation, profile)


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers with their bodies, up to the first scan."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:
            at += 2
        else:
            length = max(2, int.from_bytes(data[at + 2 : at + 4]))
            yield marker, data[at + 4 : at + 2 + length]
            at += 2 + length


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Chunks of a PNG; those with pixels lie between the others and are passed by."""
    at = len(PNG_MAGIC)
    while at + 8 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if kind in (b"eXIf", b"iCCP"):
            yield kind, data[at + 8 : at + 8 + length]
        at += 12 + length


def _riff(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(data):
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if kind in (b"EXIF", b"ICCP"):
            yield kind, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _unpacked(packed: bytes) -> bytes | None:
    """At most 4 MiB: the pixels of a bomb are refused by the header, its profile here."""
    try:
        return zlib.decompressobj().decompress(packed, MOST_PROFILE) or None
    except zlib.error:
        return None


def _orientation(exif: bytes) -> int:
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, at)
        for number in range(min(count, MOST_ENTRIES)):
            tag, _kind, _count, value = struct.unpack_from(f"{order}HHIH", tiff, at + 2 + 12 * number)
            if tag == ORIENTATION:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1
