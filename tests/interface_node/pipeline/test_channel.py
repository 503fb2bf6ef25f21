"""The hand-over between threads is bounded, ends, and can be given up from anywhere."""

import threading

import pytest

from interface_node.pipeline.channel import Aborted, Channel


def test_items_arrive_in_order_and_the_end_after_them() -> None:
    channel: Channel[int] = Channel(2)

    def write() -> None:
        for number in range(50):
            channel.put(number)
        channel.close()

    writer = threading.Thread(target=write)
    writer.start()
    assert list(channel) == list(range(50))
    writer.join()


def test_a_writer_waits_when_the_channel_is_full_and_abort_wakes_it() -> None:
    channel: Channel[int] = Channel(1)
    channel.put(1)
    raised: list[type[BaseException]] = []

    def write() -> None:
        try:
            channel.put(2)
        except Aborted as error:
            raised.append(type(error))

    writer = threading.Thread(target=write)
    writer.start()
    channel.abort()
    writer.join(10)
    assert raised == [Aborted]


def test_a_reader_of_an_aborted_channel_gets_nothing_more() -> None:
    channel: Channel[int] = Channel(3)
    channel.put(1)
    channel.abort()
    with pytest.raises(Aborted):
        next(iter(channel))
