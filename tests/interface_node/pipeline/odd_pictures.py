"""Pictures as cameras, phones, scanners and editors write them, put together by hand."""

import struct
import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

from interface_node.pipeline.still import decode_picture

SIGNATURE = 8
GREY_CURVE = struct.pack(">4sIIH", b"curv", 0, 1, round(2.2 * 256)) + bytes(2)
SRGB_CURVE = struct.pack(
    ">4sIHH5i", b"para", 0, 3, 0, *(round(x * 65536) for x in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
)
P3 = ((0.515102, 0.241182, -0.00105), (0.291965, 0.692236, 0.041882), (0.157153, 0.066582, 0.784378))
SRGB = ((0.436075, 0.222504, 0.013932), (0.385065, 0.716879, 0.097105), (0.143080, 0.060617, 0.714173))


def profile(colours: tuple[tuple[float, ...], ...], curve: bytes = SRGB_CURVE, space: bytes = b"RGB ") -> bytes:
    """An ICC profile of three colours (XYZ at D50) and one curve for all; grey when there are no colours."""
    tags = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC") if colours else (b"kTRC",), curve)
    for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colours, strict=False):
        tags[name] = struct.pack(">4sI3i", b"XYZ ", 0, *(round(value * 65536) for value in xyz))
    table, body, at = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, at + len(body), len(tag))
        body += tag
    header = bytearray(128)
    header[16:24] = space + b"XYZ "
    return bytes(header) + table + body


def chunk(kind: bytes, body: bytes) -> bytes:
    """As PNG writes it."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(png: bytes, kind: bytes, body: bytes) -> bytes:
    """A PNG with one more chunk behind its header."""
    at = SIGNATURE + 25
    return png[:at] + chunk(kind, body) + png[at:]


def exif(orientation: int, order: str = ">") -> bytes:
    """The least that says which way is up."""
    mark = b"MM\0*" if order == ">" else b"II*\0"
    return mark + struct.pack(f"{order}IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def with_riff_chunk(webp: bytes, kind: bytes, body: bytes) -> bytes:
    """A WebP with one more chunk at its end, as its extended form has it."""
    height, width = decode_picture(webp, "w").shape[:2]
    sizes: bytes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    extended = b"VP8X" + struct.pack("<I", 10) + bytes([0x28, 0, 0, 0]) + sizes
    last = kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
    inner = b"WEBP" + extended + webp[12:] + last
    return b"RIFF" + struct.pack("<I", len(inner)) + inner


def png_of(pixels: NDArray[np.uint8]) -> bytes:
    """`uint8 [h, w, 3 or 4]` RGB or RGBA."""
    done, data = cv2.imencode(".png", np.ascontiguousarray(pixels[:, :, [2, 1, 0, 3][: pixels.shape[2]]]))
    assert done
    return bytes(data)


def cmyk_jpeg(inks: NDArray[np.uint8], adobe: bool = True) -> bytes:
    """`uint8 [h, w, 4]`, paper 255: four grey scans of one picture."""
    greys = [cv2.imencode(".jpg", inks[:, :, place], [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes() for place in range(4)]
    parts = [dict(segments(grey)) for grey in greys]
    frame = parts[0][0xC0]
    data = b"\xff\xd8" + (b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0" if adobe else b"")
    data += segment(0xDB, parts[0][0xDB])
    data += segment(0xC0, frame[:5] + b"\4" + b"".join(bytes([place, 0x11, 0]) for place in range(1, 5)))
    data += b"".join(segment(0xC4, body) for marker, body in segments(greys[0]) if marker == 0xC4)
    for place, grey in enumerate(greys, 1):
        at = grey.index(b"\xff\xda")
        length = int.from_bytes(grey[at + 2 : at + 4])
        data += segment(0xDA, bytes([1, place, 0, 0, 63, 0])) + grey[at + 2 + length : -2]
    return data + b"\xff\xd9"


def segments(jpeg: bytes) -> list[tuple[int, bytes]]:
    """Markers before the scan, with their bodies."""
    found, at = [], 2
    while jpeg[at + 1] != 0xDA:
        length = int.from_bytes(jpeg[at + 2 : at + 4])
        found.append((jpeg[at + 1], jpeg[at + 4 : at + 2 + length]))
        at += 2 + length
    return found


def segment(marker: int, body: bytes) -> bytes:
    """As JPEG writes it."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body
