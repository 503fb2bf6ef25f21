"""Which container a file really is, and how an mp4 is laid out."""

import os
from typing import Final

_BOXES: Final = 64
_NAMES: Final = {"matroska,webm": "matroska", "mov,mp4,m4a,3gp,3g2,mj2": "mp4"}


def name_of(demuxer: str, data: bytes) -> str:
    """A key of `domain.media.CONTENT_TYPES`; one demuxer reads several containers, their first bytes tell which."""
    name = _NAMES.get(demuxer, demuxer)
    if name == "matroska" and b"webm" in data[:64]:
        return "webm"
    return "mov" if name == "mp4" and (data[4:8] != b"ftyp" or data[8:12] == b"qt  ") else name


def faststart(descriptor: int) -> bool:
    """Whether an mp4's index, `moov`, lies before its data, `mdat`."""
    at = 0
    for _ in range(_BOXES):
        box = os.pread(descriptor, 16, at)
        kind, size = box[4:8], int.from_bytes(box[:4], "big")
        if kind in {b"moov", b"mdat"} or len(box) < 8:
            return kind == b"moov"
        at += int.from_bytes(box[8:16], "big") if size == 1 else max(size, 8)
    return False
