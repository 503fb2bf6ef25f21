"""What the first bytes of a file claim to be: enough to choose a reader and the words of a refusal, never to accept."""

import os
from typing import Final, Literal

Claim = Literal["empty", "image", "other image", "video", "text", "playlist", "unknown"]
HEAD: Final = 4096
_BOXES: Final = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"moof", b"styp", b"sidx"})
_OTHER_IMAGES: Final = (b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\0\0\1\0", b"8BPS", b"\xff\x0a", b"qoif")
_OTHER_BRANDS: Final = frozenset({b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1", b"hevc", b"hevx"})
_PLAYLISTS: Final = (b"ffconcat", b"#EXTM3U", b"[playlist]", b"<MPD", b"<smil", b"v=0")
_MPEGTS_PACKETS: Final = (188, 192, 204)


def head(descriptor: int) -> bytes:
    """The first bytes, wherever the descriptor stands."""
    return os.pread(descriptor, HEAD, 0)


def claim(data: bytes) -> Claim:
    """What `data`, the beginning of a file, says that it is."""
    if not data:
        return "empty"
    if image_format(data):
        return "image"
    if data.startswith(_OTHER_IMAGES) or _is_still_brand(data) or b"<svg" in data[:1024].lower():
        return "other image"
    if _is_video(data):
        return "video"
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_PLAYLISTS) or b"<MPD" in data:
        return "playlist"
    return "text" if _is_text(data) else "unknown"


def image_format(data: bytes) -> str | None:
    """`jpeg`, `png` or `webp`, the three that are accepted."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return None


def _is_still_brand(data: bytes) -> bool:
    return data[4:8] == b"ftyp" and data[8:12] in _OTHER_BRANDS


def _is_video(data: bytes) -> bool:
    return (
        data[4:8] in _BOXES
        or data.startswith(b"\x1a\x45\xdf\xa3")
        or (data[:4] == b"RIFF" and data[8:12] == b"AVI ")
        or any(len(data) > size and data[0] == data[size] == 0x47 for size in _MPEGTS_PACKETS)
    )


def _is_text(data: bytes) -> bool:
    try:
        text = data[:1024].decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < min(len(data), 1024) - 4:
            return False
        text = data[: error.start].decode("utf-8")
    return all(character.isprintable() or character in "\t\r\n\f" for character in text)
