"""Joining the finished parts of a task by stream copy: no picture is decoded, sound comes from the source."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import av.error
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from interface_node.errors import Cancelled
from interface_node.pipeline.container import Media, url_of
from interface_node.pipeline.copies import StreamCopy, fits, open_copies
from interface_node.pipeline.joint import Joint, PartFile, open_part, plan_joint
from interface_node.pipeline.sink import muxer_options
from interface_node.pipeline.spec import IsCancelled, OnProgress, OutputFile, Progress, RunResult
from interface_node.pipeline.timeline import Timeline, read_timeline
from interface_node.pipeline.whole_file import part_of, publish, sha256_of, translated
from protocol.states import Output
from protocol.work import FrameRange

FORMS: Final = {".mp4": ("mp4", "mp4"), ".mov": ("mov", "mov"), ".webm": ("webm", "webm"), ".mkv": ("matroska", "mkv")}
"""FFmpeg's name of a container and ours, by suffix."""
REPORT_S: Final = 0.5
LOOK_S: Final = 0.2
ALPHA: Final = "alpha_mode"
"""The tag of a WebM stream that makes players look for its second, hidden picture."""


@dataclass(frozen=True)
class AssembleSpec:
    """What to join: for each output its parts in order, and where the joined file goes.

    `range` is the whole video as it was planned. A composite is mp4 unless a sound or subtitle stream of `source` does
    not fit there; then it is mkv, and the result says the path that was really written. `fragmented` ones, in mp4 and
    mov, can be played while they are written.
    """

    source: Media
    range: FrameRange
    parts: Mapping[Output, Sequence[PartFile]]
    outputs: Mapping[Output, Path]
    fragmented: bool = False


def assemble(spec: AssembleSpec, progress: OnProgress, cancelled: IsCancelled) -> RunResult:
    """Join every output, and leave whole files or none.

    `progress` counts packets, those of the first reading too. PartMismatch when the parts do not make the whole,
    Cancelled soon after `cancelled()`, and the errors of reading the source and of writing.
    """
    began = time.monotonic()
    tally = _Tally(2 * spec.range.frames * len(spec.outputs), progress, cancelled)
    timeline = read_timeline(spec.source, spec.range)
    made: list[OutputFile] = []
    try:
        for output, path in spec.outputs.items():
            made.append(_joined(spec, output, path, timeline, tally))
    except BaseException:
        for file in made:
            file.path.unlink(missing_ok=True)
        raise
    tally.report()
    frames, seconds = len(timeline.stamps), time.monotonic() - began
    return RunResult(tuple(made), frames, 0, 0.0, seconds, frames / seconds)


class _Tally:
    """Counts packets, tells about twice a second, and ends the work when it is not wanted any more."""

    def __init__(self, total: int, progress: OnProgress, cancelled: IsCancelled) -> None:
        self._total = total
        self._progress = progress
        self._cancelled = cancelled
        self._done = 0
        self._reported_at = 0.0

    def look(self) -> None:
        """Cancelled when it is."""
        if self._cancelled():
            raise Cancelled("cancelled while the parts were joined")

    @contextlib.contextmanager
    def abandoning(self, part: Path) -> Iterator[None]:
        """Empty `part` as soon as nobody wants it. To put the index in front FFmpeg moves all of a file and asks nobody
        meanwhile, nor does a disk that is told to keep it; both are done at once with a file that is empty."""
        over = threading.Event()
        watch = threading.Thread(target=self._empty, args=(part, over), name="abandoning", daemon=True)
        watch.start()
        try:
            yield
        finally:
            over.set()
            watch.join()

    def _empty(self, part: Path, over: threading.Event) -> None:
        while not over.wait(LOOK_S):
            if self._cancelled():
                with contextlib.suppress(OSError):
                    os.truncate(part, 0)
                return

    def one(self) -> None:
        """Another packet."""
        self._done += 1
        self.look()
        if time.monotonic() - self._reported_at >= REPORT_S:
            self.report()

    def report(self) -> None:
        """Tell now."""
        self._reported_at = time.monotonic()
        self._progress(Progress("assemble", min(self._done, self._total), self._total, 0, 0, 0.0))


def _joined(spec: AssembleSpec, output: Output, path: Path, timeline: Timeline, tally: _Tally) -> OutputFile:
    parts = spec.parts.get(output, ())
    joint = plan_joint(parts, timeline, tally.one)
    with contextlib.ExitStack() as stack:
        copies: StreamCopy | None = None
        if output is Output.COMPOSITE:
            path = path if fits(spec.source, FORMS[path.suffix][0]) else path.with_suffix(".mkv")
            copies = stack.enter_context(open_copies(spec.source, -timeline.base * timeline.time_base))
        options = muxer_options(FORMS[path.suffix][0], timeline.time_base, spec.fragmented)
        file = stack.enter_context(_written(path, options, tally))
        stream = _add_stream(file, parts[0], timeline)
        if copies is not None:
            copies.attach(file)
        for packet in _interleaved(_picture(parts, joint, stream, timeline.time_base, tally), copies):
            file.mux_one(packet)
        size = stream.width, stream.height
    return _described(output, path, size, _sha256(path, tally), timeline, joint)


@contextlib.contextmanager
def _written(path: Path, options: dict[str, str], tally: _Tally) -> Iterator[OutputContainer]:
    """A file that appears under its name when the block ends well, and leaves nothing when it does not."""
    part, form = part_of(path), FORMS[path.suffix][0]
    with translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = av.open(url_of(part), "w", format=form, options=options)
        try:
            yield file
            with tally.abandoning(part):
                file.close()
                tally.look()
                publish(path)
        finally:
            # Unlinked before it is closed: closing would otherwise rewrite it for fast start.
            part.unlink(missing_ok=True)
            with contextlib.suppress(av.error.FFmpegError, ValueError):
                file.close()
            part.unlink(missing_ok=True)


def _add_stream(file: OutputContainer, part: PartFile, timeline: Timeline) -> VideoStream:
    """The parts' stream with all its tags. The template loses the codec's tag: ProRes 4444 would become 422."""
    with open_part(part) as (template, _):
        stream = file.add_stream_from_template(template, opaque=True)
        stream.codec_context.codec_tag = template.codec_context.codec_tag
        stream.codec_context.framerate = timeline.rate
        if template.sample_aspect_ratio:  # AV1's own headers do not carry it
            stream.codec_context.sample_aspect_ratio = template.sample_aspect_ratio
        stream.time_base = timeline.time_base
        if any(name.lower() == ALPHA for name in template.metadata):
            stream.metadata[ALPHA] = "1"
    return stream


def _picture(
    parts: Sequence[PartFile], joint: Joint, stream: VideoStream, time_base: Fraction, tally: _Tally
) -> Iterator[Packet[VideoStream]]:
    times = zip(joint.pts, joint.dts, joint.durations, strict=True)
    for part in parts:
        with open_part(part) as (_, packets):
            for packet in packets:
                packet.time_base = time_base
                packet.pts, packet.dts, packet.duration = next(times)
                packet.stream = stream
                tally.one()
                yield packet


def _interleaved(picture: Iterator[Packet[VideoStream]], copies: StreamCopy | None) -> Iterator[Packet[Any]]:
    """Every packet of the picture behind the sound and subtitles that are decoded until then."""
    if copies is None:
        yield from picture
        return
    for packet in picture:
        yield from copies.until((packet.dts or 0) * packet.time_base)
        yield packet
    yield from copies.until(None)


def _sha256(path: Path, tally: _Tally) -> str:
    try:
        tally.look()
        return sha256_of(path, tally.look)
    except Cancelled:
        path.unlink(missing_ok=True)
        raise


def _described(
    output: Output, path: Path, size: tuple[int, int], sha256: str, timeline: Timeline, joint: Joint
) -> OutputFile:
    first, last = timeline.stamps[0], timeline.stamps[-1]
    span = last - first + timeline.last_duration
    return OutputFile(
        output=output,
        path=path,
        container=FORMS[path.suffix][1],
        sha256=sha256,
        size=path.stat().st_size,
        frames=len(timeline.stamps),
        width=size[0],
        height=size[1],
        duration=float(span * timeline.time_base),
        time_base=timeline.time_base,
        first_pts=first,
        last_pts=last,
        extradata_sha256=joint.extradata_sha256,
    )
