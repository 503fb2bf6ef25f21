"""How finished parts follow each other: what time each of their packets takes in the joined file."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from av.packet import Packet
from av.video.stream import VideoStream

from interface_node.errors import InputError, PartMismatch
from interface_node.pipeline.container import open_media, reading, video_stream
from interface_node.pipeline.timeline import Timeline


@dataclass(frozen=True)
class PartFile:
    """A finished part on this machine; `frames` as the plan has them."""

    path: Path
    frames: int


@dataclass(frozen=True)
class Joint:
    """For every packet of the parts, in the order of the files: `pts`, `dts` and duration in the source's ticks.

    They count from the timeline's `base`.
    """

    pts: list[int]
    dts: list[int]
    durations: list[int]
    extradata: bytes

    @property
    def extradata_sha256(self) -> str | None:
        """Of the parameter sets that all parts share."""
        return hashlib.sha256(self.extradata).hexdigest() if self.extradata else None


def plan_joint(parts: Sequence[PartFile], timeline: Timeline, counted: Callable[[], None]) -> Joint:
    """Read the parts once; `counted` is called for each packet. PartMismatch when they do not make the whole.

    The k-th displayed frame of all parts takes the k-th time of the source, whatever offset a part's container made.
    """
    places: list[int] = []
    extradata: bytes | None = None
    depth = 0
    for part in parts:
        shape = _read(part, counted)
        if extradata is not None and shape.extradata != extradata:
            raise PartMismatch(f"{part.path.name} was encoded with other parameter sets than the parts before it")
        extradata = shape.extradata
        depth = max(depth, shape.depth)
        begin = len(places)
        places += [begin + rank for rank in shape.ranks]
    stamps, base = timeline.stamps, timeline.base
    if len(places) != len(stamps):
        raise PartMismatch(f"the parts have {len(places)} frames, the source {len(stamps)}")
    durations = timeline.durations
    return Joint(
        pts=[stamps[place] - base for place in places],
        dts=[at - base for at in decoding_times(stamps, depth)],
        durations=[durations[place] for place in places],
        extradata=extradata or b"",
    )


def decoding_times(stamps: Sequence[int], depth: int) -> list[int]:
    """A strictly rising decoding time for each packet, never after its frame is shown.

    `stamps` are the sorted presentation times, `depth` how many places a packet lies at most behind its frame's place.
    The encoders' own times plus an offset collide where parts of a variable rate meet.
    """
    step = stamps[1] - stamps[0] if len(stamps) > 1 else 1
    before = [stamps[0] - (depth - index) * step for index in range(min(depth, len(stamps)))]
    return [*before, *stamps[: len(stamps) - len(before)]]


@contextlib.contextmanager
def open_part(part: PartFile) -> Iterator[tuple[VideoStream, Iterator[Packet[VideoStream]]]]:
    """The picture of a part and its packets; what is wrong with it is this node's matter, not the source's."""
    name = part.path.name
    try:
        with open_media(part.path) as container, reading(lambda: f"the part {name} breaks"):
            stream = video_stream(container)
            yield stream, (packet for packet in container.demux(stream) if packet.size)
    except InputError as error:
        raise PartMismatch(f"the part {name} cannot be read: {error.detail}") from error


@dataclass(frozen=True)
class _Shape:
    """`ranks[i]` is the place in presentation order of the i-th packet; `depth` the most that a packet lies behind."""

    ranks: list[int]
    depth: int
    extradata: bytes


def _read(part: PartFile, counted: Callable[[], None]) -> _Shape:
    name = part.path.name
    with open_part(part) as (stream, packets):
        extradata = bytes(stream.codec_context.extradata or b"")
        stamps: list[int] = []
        for packet in packets:
            if packet.pts is None:
                raise PartMismatch(f"a frame of the part {name} has no timestamp")
            if not stamps and not packet.is_keyframe:
                raise PartMismatch(f"the part {name} does not begin with a keyframe")
            stamps.append(packet.pts)
            counted()
    if len(stamps) != part.frames:
        raise PartMismatch(f"the part {name} has {len(stamps)} frames, the plan {part.frames}")
    shown = sorted(range(len(stamps)), key=lambda index: (stamps[index], index))
    ranks = [0] * len(stamps)
    for rank, index in enumerate(shown):
        ranks[index] = rank
    if ranks and ranks[0] != 0:
        raise PartMismatch(f"the first packet of the part {name} is not the first that is shown")
    return _Shape(ranks, max((index - rank for index, rank in enumerate(ranks)), default=0), extradata)
