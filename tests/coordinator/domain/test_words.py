"""What strangers write about themselves."""

from hypothesis import given
from hypothesis import strategies as st

from coordinator.domain.words import plain


@given(st.text(max_size=300), st.integers(min_value=1, max_value=100))
def test_words_become_one_bounded_line_that_stays_what_it_is(text: str, limit: int) -> None:
    kept = plain(text, limit)
    assert len(kept) <= limit
    assert kept.isprintable()
    assert kept == kept.strip()
    assert plain(kept, limit) == kept


def test_what_reorders_or_hides_text_goes_and_letters_of_every_script_stay() -> None:
    assert plain("\u202egpu\u200b\x00-1\r\n\tЖук 显卡 é", 100) == "gpu-1 Жук 显卡 é"
