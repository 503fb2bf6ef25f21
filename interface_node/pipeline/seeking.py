"""Landing before a frame: how far back to go, and which frame lies so many before another."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from interface_node.errors import BrokenMedia
from interface_node.pipeline.container import reading, reason

SEEK_BACK_S: Final[tuple[float | None, ...]] = (0, 1, 3, 10, 30, 120, None)
"""How far before the wanted frame to land, tried in turn; None is the start. Transport streams land late."""
REORDERED: Final = 64
"""A frame may lie so many packets behind one that is shown after it; codecs allow 16."""


def seek(container: InputContainer, stream: VideoStream, pts: int, back: float | None) -> None:
    """Land on a keyframe `back` seconds before `pts` or earlier, or at the start."""
    tick = stream.time_base or Fraction(1)
    begin = stream.start_time or 0
    # Some containers land late when they are asked for their beginning, others refuse what lies before it.
    targets = [begin - int(10 / tick), begin] if back is None else [pts - int(Fraction(back) / tick)]
    refusal: av.error.FFmpegError | None = None
    for target in targets:
        try:
            container.seek(target, stream=stream, backward=True)
        except av.error.FFmpegError as error:
            refusal = error
        else:
            return
    if back is None and refusal is not None:
        raise BrokenMedia(f"the file cannot be read from its start again: {reason(refusal)}") from refusal


def rate_of(stream: VideoStream) -> Fraction:
    """Frames a second on average, as far as the file says it."""
    return stream.average_rate or stream.guessed_rate or Fraction(25)


def frame_before(container: InputContainer, stream: VideoStream, pts: int, count: int) -> int:
    """The pts of the frame that is shown `count` frames before the one at `pts`, or of the first there is.

    Seen on packets: frames need not be kept, and what a decoder makes of them is compared when they are read.
    """
    ahead = float(count / rate_of(stream))
    for back in SEEK_BACK_S:
        seek(container, stream, pts, None if back is None else back + ahead)
        found = sorted(_stamps_before(container, stream, pts))
        if len(found) >= count:
            return found[-count]
        if back is None and found:
            return found[0]
    return pts


def _stamps_before(container: InputContainer, stream: VideoStream, pts: int) -> Iterator[int]:
    """Times before `pts` from the keyframe on where reading begins. What is shown before that keyframe refers to
    pictures that were not read."""
    first: int | None = None
    behind = 0
    with reading(lambda: f"the file breaks before {pts}"):
        for packet in container.demux(stream):
            first = packet.pts if first is None and packet.is_keyframe else first
            if _counts(packet) and packet.pts is not None and first is not None and first <= packet.pts < pts:
                yield packet.pts
            behind += packet.pts is not None and packet.pts >= pts
            if behind > REORDERED:
                return


def _counts(packet: Packet[VideoStream]) -> bool:
    return packet.size > 0 and not packet.is_discard
