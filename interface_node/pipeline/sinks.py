"""The files of one run, opened together and given up together."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from av.video.frame import VideoFrame

from interface_node.errors import OutputUnwritable, UnsupportedOutput
from interface_node.pipeline.copies import StreamCopy, fits, open_copies
from interface_node.pipeline.encoders import Encoder, encoder_for
from interface_node.pipeline.sequence import SUFFIX, open_sequence
from interface_node.pipeline.sink import SinkPlan, open_sink
from interface_node.pipeline.source import Source
from interface_node.pipeline.spec import OutputFile, RunSpec
from protocol.states import Output


class Sink(Protocol):
    """Takes the frames of one output in their order."""

    @property
    def output(self) -> Output:
        """Which."""

    def write(self, frame: VideoFrame) -> None:
        """The next frame; its pts is the source's."""

    def finish(self) -> OutputFile:
        """Make the file whole, still as `.part`; what was written, with the path that `publish` gives it."""

    def discard(self) -> None:
        """Give the file up and leave nothing."""


@contextlib.contextmanager
def open_sinks(spec: RunSpec, source: Source) -> Iterator[list[Sink]]:
    """A sink for each output of `spec`; whatever ends the block early leaves no file behind. What they finish the block
    publishes."""
    with contextlib.ExitStack() as stack:
        sinks: list[Sink] = []
        stack.push(lambda kind, *_: _discard(sinks) if kind else None)
        for output, path in spec.outputs.items():
            if output is Output.MASK and path.suffix.lower() == SUFFIX:
                sinks.append(open_sequence(path, source.geometry, source.time_base, _base(spec)))
                continue
            encoder = encoder_for(output, spec.encoding, source.geometry)
            copies: StreamCopy | None = None
            if output is Output.COMPOSITE:
                _check_shape(spec, path, encoder, source)
                path, encoder = _container_for(spec, path, encoder)
                if _is_whole(spec):
                    copies = stack.enter_context(open_copies(spec.source, -_base(spec) * source.time_base))
            fragmented = spec.encoding.fragmented and _is_whole(spec)
            plan = SinkPlan(
                output, path, encoder, source.geometry, source.time_base, source.rate, _base(spec), fragmented
            )
            sinks.append(open_sink(plan, copies))
        yield sinks


def _is_whole(spec: RunSpec) -> bool:
    """Sound belongs to whole files; a segment's is added when the parts are joined."""
    return spec.range is None or (spec.range.start_pts is None and spec.range.end_pts is None)


def _base(spec: RunSpec) -> int:
    """The source's time that is zero in the files: a part begins with zero, a whole file keeps the source's times.

    Unless those are negative, as where a transport stream's clock begins anew: players do not show what comes before
    zero. Sound is moved by as much.
    """
    start, first = (spec.range.start_pts, spec.range.first_pts or 0) if spec.range else (None, 0)
    if _is_whole(spec):
        return min(first, 0)
    return first if start is None else start


def _container_for(spec: RunSpec, path: Path, encoder: Encoder) -> tuple[Path, Encoder]:
    """OutputUnwritable where mkv is needed and what lies there nobody has named: it may be the source."""
    mkv = replace(encoder, form="matroska", container="mkv")
    if path.suffix.lower() == ".mkv":
        return path, mkv
    if not _is_whole(spec) or fits(spec.source, encoder.form):
        return path, encoder
    instead = path.with_suffix(".mkv")
    if instead.exists():
        raise OutputUnwritable(f"{path.name} cannot hold the sound or subtitles, and {instead.name} is there already")
    return instead, mkv


def _check_shape(spec: RunSpec, path: Path, encoder: Encoder, source: Source) -> None:
    """UnsupportedOutput, also for a part of a file that will be so: the muxer does not tell Matroska the shape of a
    pixel, and other than its fellows AV1 does not tell it either."""
    if encoder.codec != "libsvtav1" or (source.geometry.sar or 1) == 1:
        return
    if path.suffix.lower() == ".mkv" or not fits(spec.source, encoder.form):
        raise UnsupportedOutput("AV1 in mkv cannot say that pixels are not square: take hevc or h264")


def _discard(sinks: list[Sink]) -> None:
    for sink in sinks:
        sink.discard()
