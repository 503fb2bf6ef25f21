"""Names that people gave become harmless metadata."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.gateway.file_names import MAX_BYTES, UNNAMED, clean, stem


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("juggle.mp4", "juggle.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\clip.mov", "clip.mov"),
        ("e\u0301t\u00e9.mp4", "\u00e9t\u00e9.mp4"),
        ("a\x00b\r\nc\x1b[31m.mp4", "abc[31m.mp4"),
        ("\u202egpj.mp4", "gpj.mp4"),
        ("  spaced name .mp4 ", "spaced name .mp4"),
        ("视频.mp4", "视频.mp4"),
        ("", UNNAMED),
        ("..", UNNAMED),
        ("dir/", UNNAMED),
    ],
)
def test_a_name_keeps_what_is_harmless(given_name: str, kept: str) -> None:
    assert clean(given_name) == kept


def test_a_long_name_keeps_its_suffix_and_whole_characters() -> None:
    name = clean("视" * 200 + ".webm")
    assert name.endswith("视.webm")
    assert MAX_BYTES - 3 < len(name.encode()) <= MAX_BYTES


@given(st.text(max_size=600))
def test_whatever_comes_in_is_bounded_printable_and_no_path(text: str) -> None:
    name = clean(text)
    assert 0 < len(name.encode()) <= MAX_BYTES
    assert "/" not in name
    assert "\\" not in name
    assert name not in {".", ".."}
    assert clean(name) == name


@pytest.mark.parametrize(("name", "expected"), [("a.tar.gz", "a.tar"), ("a", "a"), (".mp4", ".mp4")])
def test_the_stem_is_the_name_without_its_suffix(name: str, expected: str) -> None:
    assert stem(name) == expected
