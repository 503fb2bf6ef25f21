"""Cursors mean something to us only."""

import pytest

from coordinator.api import cursors
from coordinator.errors import InvalidCursor


def test_a_cursor_gives_its_values_back() -> None:
    cursor = cursors.encode("-name", "视频.mp4", "01abc")
    assert cursors.decode(cursor, "-name", str, str) == ("视频.mp4", "01abc")
    assert cursors.decode(cursors.encode("at", 1_800_000_000.123457, "x"), "at", float, str)[0] == 1_800_000_000.123457
    assert cursors.decode(cursors.encode("size", 2**40, "x"), "size", float, str)[0] == 2**40


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "nonsense",
        "é",
        "AAAA",
        cursors.encode("name", "a", "b"),
        cursors.encode("-name", "a"),
        cursors.encode("-name", "a", "b", "c"),
        cursors.encode("-name", 1.0, "b"),
        cursors.encode("-name", "a", True),
    ],
)
def test_anything_else_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        cursors.decode(cursor, "-name", str, str)
