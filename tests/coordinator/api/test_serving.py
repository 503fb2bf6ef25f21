"""What a Range header asks for, and names that headers can carry."""

from hypothesis import given
from hypothesis import strategies as st

from coordinator.api.serving import Span, disposition, wanted


@given(size=st.integers(1, 300), first=st.integers(0, 400), last=st.integers(0, 400))
def test_a_closed_range_is_the_bytes_that_exist_of_it(size: int, first: int, last: int) -> None:
    span = wanted(f"bytes={first}-{last}", size)
    existing = [at for at in range(first, last + 1) if at < size]
    if first > last:
        assert span == Span(0, size)
    elif not existing:
        assert span is None
    else:
        assert span == Span(existing[0], len(existing))


@given(size=st.integers(0, 300), count=st.integers(0, 400))
def test_a_suffix_is_the_end_of_the_file(size: int, count: int) -> None:
    span = wanted(f"bytes=-{count}", size)
    content = bytes(index % 256 for index in range(size))
    if not count or not size:
        assert span is None
    else:
        assert span is not None
        assert content[span.start :][: span.length] == content[-count:]
        assert span.start + span.length == size


@given(st.text(max_size=30), st.integers(0, 100))
def test_no_header_breaks_it_or_leaves_the_file(header: str, size: int) -> None:
    span = wanted(header, size)
    assert span is None or (span.start >= 0 and span.start + span.length <= size)


def test_an_empty_file_has_no_range_but_can_be_sent() -> None:
    assert wanted(None, 0) == Span(0, 0)
    assert wanted("bytes=0-0", 0) is None


@given(st.text(min_size=1, max_size=50))
def test_every_name_becomes_a_header_of_plain_characters(name: str) -> None:
    header = disposition(name.encode(errors="ignore").decode() or "x")
    assert header.isascii()
    assert "\r" not in header
    assert "\n" not in header
    assert header.count('"') == 2
