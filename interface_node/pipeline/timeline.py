"""When each frame of a video is shown: the truth that segments are cut by and joined by."""

import itertools
from dataclasses import dataclass
from fractions import Fraction

from av.video.stream import VideoStream

from interface_node.errors import FramesMismatch, NoFrames
from interface_node.pipeline.container import Media, open_media, reading, video_stream
from interface_node.pipeline.source import shown_packets
from protocol.work import FrameRange


@dataclass(frozen=True)
class Timeline:
    """`stamps` rise strictly, in ticks of `time_base`; `last_duration`, at least 1, is how long the last frame stays.

    `rate` is an average in frames a second, which some containers are told and nobody should count by.
    """

    time_base: Fraction
    rate: Fraction
    stamps: list[int]
    last_duration: int

    @property
    def base(self) -> int:
        """The time that is zero in a joined file, as in one that a single node makes: players show nothing before."""
        return min(self.stamps[0], 0)

    @property
    def durations(self) -> list[int]:
        """How long each frame stays."""
        return [*(later - sooner for sooner, later in itertools.pairwise(self.stamps)), self.last_duration]


def read_timeline(media: Media, planned: FrameRange) -> Timeline:
    """A pass over the packets of the planned stream, without decoding; FramesMismatch when the plan is of other bytes.

    What is shown before the plan's first frame cannot be decoded; a plan of several segments knows every frame's time.
    """
    with open_media(media) as container:
        stream = video_stream(container, planned.stream)
        shown: list[tuple[int, int]] = []
        with reading(lambda: f"the file breaks after {len(shown)} packets"):
            for packet in shown_packets(container, stream):
                if packet.pts is None:
                    raise FramesMismatch("a frame has no timestamp, and only whole videos are made of such files")
                if planned.first_pts is None or packet.pts >= planned.first_pts:
                    shown.append((packet.pts, packet.duration or 0))
        if not shown:
            raise NoFrames("the video has no frames")
        shown.sort()
        stamps = [pts for pts, _ in shown]
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        found = Timeline(stream.time_base or Fraction(1), rate, stamps, _last_duration(stream, stamps, shown[-1][1]))
    _compare(found, planned)
    return found


def _last_duration(stream: VideoStream, stamps: list[int], said: int) -> int:
    """To the end of the stream where that is known: with reordered frames a packet's own duration is another's."""
    if stream.duration and (left := (stream.start_time or 0) + stream.duration - stamps[-1]) > 0:
        return left
    if said > 0:
        return said
    return stamps[-1] - stamps[-2] if len(stamps) > 1 else 1


def _compare(found: Timeline, planned: FrameRange) -> None:
    if found.time_base != Fraction(planned.time_base):
        raise FramesMismatch(f"the stream counts time in {found.time_base}, the plan in {planned.time_base}")
    if len(found.stamps) != planned.frames:
        raise FramesMismatch(f"the file has {len(found.stamps)} frames, the plan {planned.frames}")
    if not all(sooner < later for sooner, later in itertools.pairwise(found.stamps)):
        raise FramesMismatch("two frames are shown at the same time, and only whole videos are made of such files")
    for name, stamp, wanted in (
        ("first", found.stamps[0], planned.first_pts),
        ("last", found.stamps[-1], planned.last_pts),
    ):
        if wanted is not None and stamp != wanted:
            raise FramesMismatch(f"the {name} frame is at {stamp}, the plan has {wanted}")
