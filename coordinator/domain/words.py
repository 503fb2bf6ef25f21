"""What strangers write about themselves: kept as plain, bounded text."""

import unicodedata


def plain(text: str, limit: int) -> str:
    """At most `limit` characters on one line, without control, format, surrogate or private-use characters.

    Such characters reorder or hide what an administrator reads before approving a node.
    """
    kept = "".join(" " if char.isspace() else char for char in text[: limit * 4])
    kept = "".join(char for char in kept if not unicodedata.category(char).startswith("C"))
    return " ".join(kept.split())[:limit].rstrip()
