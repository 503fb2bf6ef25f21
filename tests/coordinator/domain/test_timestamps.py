"""The list of a video's timestamps survives its file."""

import zlib
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.domain.timestamps import pack, timestamps, unpack


@given(st.lists(st.integers(-(2**61), 2**61), max_size=50))
def test_what_was_packed_is_unpacked_in_order(values: list[int]) -> None:
    assert list(unpack(pack(timestamps(values)))) == sorted(values)


def test_a_million_frames_at_a_constant_rate_take_a_few_kilobytes() -> None:
    assert len(pack(array("q", range(0, 512_000_000, 512)))) < 20_000


@pytest.mark.parametrize("data", [b"", b"no deflate", zlib.compress(b"1234567"), pack(array("q", [1, 2]))[:-1]])
def test_bytes_that_are_no_list_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="list of timestamps"):
        unpack(data)


def test_a_list_longer_than_a_video_may_be_is_refused_without_being_inflated() -> None:
    with pytest.raises(ValueError, match="whole list"):
        unpack(zlib.compress(bytes(64 << 20)))
