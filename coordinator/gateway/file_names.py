"""Names of files as people gave them: metadata that is shown and offered for saving, never a path."""

import unicodedata
from typing import Final

MAX_BYTES: Final = 255
UNNAMED: Final = "unnamed"


def clean(name: str) -> str:
    """NFC, without directories, control and format characters or outer blanks, at most 255 bytes of UTF-8.

    The suffix survives the cut. A name with nothing left is `unnamed`.
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    normal = unicodedata.normalize("NFC", last)
    kept = "".join(c for c in normal if unicodedata.category(c)[0] != "C").strip(" ")
    if not kept.strip("."):
        return UNNAMED
    if len(kept.encode()) <= MAX_BYTES:
        return kept
    stem, dot, suffix = kept.rpartition(".")
    if not stem or len(suffix) > 16:
        return _cut(kept, MAX_BYTES)
    return _cut(stem, MAX_BYTES - len((dot + suffix).encode())) + dot + suffix


def stem(name: str) -> str:
    """The name without its suffix."""
    return name.rpartition(".")[0] or name


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")
