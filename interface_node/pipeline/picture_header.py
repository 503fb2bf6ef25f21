"""The size of a JPEG, PNG or WebP from its first bytes, so that a bomb is refused before it is unpacked."""

from pathlib import Path

from interface_node.errors import NotAnImage

JPEG_MAGIC = b"\xff\xd8\xff"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
JPEG_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})


def is_picture(path: Path) -> bool:
    """Whether a file begins as a JPEG, PNG or WebP; NotAnImage when it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(16)
    except OSError as error:
        raise NotAnImage(f"{path.name} cannot be read: {error.strerror}") from error
    return data.startswith((JPEG_MAGIC, PNG_MAGIC)) or (data.startswith(b"RIFF") and data[8:12] == b"WEBP")


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels, before any orientation; NotAnImage for any other kind of file."""
    try:
        if data.startswith(PNG_MAGIC) and data[12:16] == b"IHDR":
            return _checked(int.from_bytes(data[16:20]), int.from_bytes(data[20:24]))
        if data.startswith(JPEG_MAGIC):
            return _checked(*_jpeg(data))
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return _checked(*_webp(data))
    except IndexError as error:
        raise NotAnImage("the picture is cut off") from error
    raise NotAnImage("the file is not a JPEG, PNG or WebP picture")


def _checked(width: int, height: int) -> tuple[int, int]:
    if not width or not height:
        raise NotAnImage("the picture has no size")
    return width, height


def _jpeg(data: bytes) -> tuple[int, int]:
    """Walk the markers to the frame header, which says height and then width."""
    at = 2
    while at < len(data):
        if data[at] != 0xFF:
            raise NotAnImage("the JPEG is damaged")
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers without a length
            at += 2
        elif marker in JPEG_FRAMES:
            return int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        else:
            at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4]))
    raise NotAnImage("the JPEG has no picture")


def _webp(data: bytes) -> tuple[int, int]:
    """One of three headers: with extensions, lossless, or plain."""
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    raise NotAnImage("the WebP is damaged")
