"""What a range of a video shows."""

import hashlib

from av.video.frame import VideoFrame

from interface_node.pipeline.container import Media
from interface_node.pipeline.frames import planes
from interface_node.pipeline.source import open_source
from protocol.work import FrameRange

Shown = list[tuple[int, str]]


def shown(media: Media, wanted: FrameRange | None = None) -> Shown:
    """Every frame's time and a hash of its visible pixels."""
    return [(pts, pixels) for pts, pixels, own in shown_around(media, wanted) if own]


def shown_around(media: Media, wanted: FrameRange | None = None) -> list[tuple[int, str, bool]]:
    """The same, also of frames around the range; the last value says whether it is of the range."""
    with open_source(media, wanted) as source:
        return [(frame.pts or 0, _hash(frame), own) for frame, own in source.frames]


def _hash(frame: VideoFrame) -> str:
    return hashlib.sha256(b"".join(plane.tobytes() for plane in planes(frame))).hexdigest()
