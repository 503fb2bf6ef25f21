"""Sound and subtitles, copied packet by packet beside the new picture."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from interface_node.errors import UnsupportedContainer
from interface_node.pipeline.container import Media, open_media, reading

NO_DELAY: Final = Fraction(0)
COPIED: Final = ("audio", "subtitle")
DROPPED_TAGS: Final = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder"})


class StreamCopy:
    """The streams of a source that travel untouched, in the order of their decoding time, `delay` seconds later."""

    def __init__(self, source: InputContainer, streams: list[Stream], delay: Fraction) -> None:
        self._delay = delay
        self._source = source
        self._streams = streams
        self._made: dict[int, Stream] = {}
        self._last: dict[int, int] = {}
        self._waiting: Iterator[Packet[Stream]] = iter(())
        self._next: Packet[Stream] | None = None

    def attach(self, output: OutputContainer) -> None:
        """Add every stream to `output`, with its tags, and the file's own tags and chapters."""
        for stream in self._streams:
            made = output.add_stream_from_template(stream, opaque=True)
            made.metadata.update(stream.metadata)
            made.disposition = stream.disposition
            self._made[stream.index] = made
        output.metadata.update({k: v for k, v in self._source.metadata.items() if k not in DROPPED_TAGS})
        if chapters := self._source.chapters():
            output.set_chapters(chapters)
        if self._streams:
            self._waiting = self._packets()
        self._next = next(self._waiting, None)

    def until(self, limit: Fraction | None) -> Iterator[Packet[Stream]]:
        """Packets up to `limit` seconds, or all that are left; each is already addressed to its new stream."""
        while self._next is not None and (limit is None or _seconds(self._next) <= limit):
            packet, self._next = self._next, next(self._waiting, None)
            packet.stream = self._made[packet.stream_index]
            yield packet

    def _packets(self) -> Iterator[Packet[Stream]]:
        with reading(lambda: "the sound or subtitles of the file break"):
            for packet in self._source.demux(self._streams):
                if packet.size:
                    yield _forward(_delayed(packet, self._delay), self._last)


@contextlib.contextmanager
def open_copies(source: Media, delay: Fraction = NO_DELAY) -> Iterator[StreamCopy]:
    """The streams of `source` that can be copied, read apart from the picture."""
    with open_media(source) as container:
        yield StreamCopy(container, _copied(container), delay)


def fits(source: Media, form: str) -> bool:
    """Whether the container `form` can hold every sound and subtitle stream of `source`."""
    with open_media(source) as container, av.open(io.BytesIO(), "w", format=form) as trial:
        try:
            for stream in _copied(container):
                trial.add_stream_from_template(stream, opaque=True)
        except ValueError:
            return False
    return True


def _copied(container: InputContainer) -> list[Stream]:
    streams = [stream for stream in container.streams if stream.type in COPIED]
    for stream in streams:
        if stream.codec_context is None:
            raise UnsupportedContainer(f"stream {stream.index} ({stream.type}) is in a codec that nobody here knows")
    return streams


def _delayed(packet: Packet[Stream], delay: Fraction) -> Packet[Stream]:
    if delay:
        ticks = round(delay / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts + ticks
        packet.dts = None if packet.dts is None else packet.dts + ticks
    return packet


def _forward(packet: Packet[Stream], last: dict[int, int]) -> Packet[Stream]:
    """Muxers refuse decoding times that stand still or run backwards, as small faults of recorders make them."""
    stamp = packet.dts if packet.dts is not None else packet.pts
    if stamp is None:
        return packet
    soonest = last.get(packet.stream_index, stamp - 1) + 1
    last[packet.stream_index] = packet.dts = max(stamp, soonest)
    packet.pts = max(packet.dts, stamp if packet.pts is None else packet.pts)
    return packet


def _seconds(packet: Packet[Stream]) -> Fraction:
    stamp = packet.dts if packet.dts is not None else packet.pts
    return (stamp or 0) * packet.time_base
