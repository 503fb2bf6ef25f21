"""Interlaced pictures made progressive: as many frames as before, each at its own time.

A frame of two fields becomes one whole picture (bwdif, one frame for each frame), so half of the moments that were shot
are given up. Each result depends on the frames before and after; progressive frames pass as they are.
"""

from collections import deque
from collections.abc import Iterator
from typing import Final

import av.error
from av.filter import Graph
from av.video.frame import VideoFrame

OPTIONS: Final = "mode=send_frame:parity=auto:deint=interlaced"


def deinterlaced(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    """Frames one to one, in order. From the first interlaced one on they come one frame late."""
    stage: _Stage | None = None
    for frame in frames:
        if stage is not None and not stage.takes(frame):
            yield from stage.rest()
            stage = None
        if stage is None and frame.interlaced_frame:
            stage = _Stage(frame)
        if stage is None:
            yield frame
        else:
            yield from stage.through(frame)
    if stage is not None:
        yield from stage.rest()


class _Stage:
    """A filter for frames of one size and format; it forgets times, so they are kept here."""

    def __init__(self, like: VideoFrame) -> None:
        self._kind = _kind(like)
        self._waiting: deque[VideoFrame] = deque()
        self._graph = Graph()
        source = self._graph.add_buffer(
            width=like.width, height=like.height, format=like.format, time_base=like.time_base
        )
        filters = self._graph.add("bwdif", OPTIONS)
        source.link_to(filters)
        filters.link_to(self._graph.add("buffersink"))
        self._graph.configure()

    def takes(self, frame: VideoFrame) -> bool:
        """Whether it is such a frame."""
        return _kind(frame) == self._kind

    def through(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        """What is ready once this frame is known."""
        self._waiting.append(frame)
        self._graph.push(frame)
        yield from self._ready()

    def rest(self) -> Iterator[VideoFrame]:
        """What is left."""
        self._graph.push(None)
        yield from self._ready()

    def _ready(self) -> Iterator[VideoFrame]:
        while True:
            try:
                made = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            assert isinstance(made, VideoFrame), "a filter of pictures gives pictures"
            like = self._waiting.popleft()
            made.pts, made.time_base, made.duration = like.pts, like.time_base, like.duration
            yield made


def _kind(frame: VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name
