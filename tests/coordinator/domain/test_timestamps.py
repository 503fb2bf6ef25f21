"""The list of a video's timestamps survives its file."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.domain.timestamps import frame_times, pack, unpack

stamps = st.lists(st.integers(-(2**61), 2**61), max_size=50)


@given(stamps, st.data())
def test_what_was_packed_is_unpacked_in_order(values: list[int], data: st.DataObject) -> None:
    keys = data.draw(st.sets(st.sampled_from(values))) if values else set()
    found = unpack(pack(frame_times(values, keys)))
    assert list(found.pts) == sorted(values)
    assert {found.pts[place] for place in found.keys} == keys


def test_a_million_frames_at_a_constant_rate_take_a_few_kilobytes() -> None:
    stamps = range(0, 512_000_000, 512)
    assert len(pack(frame_times(stamps, stamps[::250]))) < 30_000


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no deflate",
        zlib.compress(b""),
        zlib.compress(b"1234567"),
        pack(frame_times([1, 2]))[:-1],
        zlib.compress(struct.pack("<2q", 2, 0)),
        zlib.compress(struct.pack("<q", -1)),
        zlib.compress(struct.pack("<4q", 2, 0, 512, 2)),
        zlib.compress(struct.pack("<4q", 3, 2**62, 2**62, 2**62)),
    ],
)
def test_bytes_that_are_no_list_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="list of timestamps"):
        unpack(data)


def test_a_list_longer_than_a_video_may_be_is_refused_without_being_inflated() -> None:
    with pytest.raises(ValueError, match="whole list"):
        unpack(zlib.compress(bytes(64 << 20)))
