"""Writing one output: encoded, muxed with its own timestamps, whole or not at all."""

import contextlib
import hashlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import av.error
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from interface_node.pipeline.container import url_of
from interface_node.pipeline.copies import StreamCopy
from interface_node.pipeline.encoders import Encoder
from interface_node.pipeline.frames import FULL, Geometry, cropped
from interface_node.pipeline.spec import OutputFile
from interface_node.pipeline.whole_file import part_of, sha256_of, translated
from protocol.states import Output

MAX_TIMESCALE: Final = 2**31 - 1
FRAGMENTS: Final = "+frag_keyframe+delay_moov+default_base_moof"
FRAGMENT_US: Final = 1_000_000
"""A player is at most about this far behind the encoder, in microseconds."""


@dataclass(frozen=True)
class SinkPlan:
    """One file to write. `base` is the source's pts that becomes zero in it; `rate` only guides the encoder.

    `fragmented` files can be played while they are written, under the name of their `part`.
    """

    output: Output
    path: Path
    encoder: Encoder
    geometry: Geometry
    time_base: Fraction
    rate: Fraction
    base: int = 0
    fragmented: bool = False

    @property
    def part(self) -> Path:
        """Where the file is while it is not whole."""
        return part_of(self.path)


def open_sink(plan: SinkPlan, copies: StreamCopy | None) -> "VideoSink":
    """Start the file; errors as `translated` says, and then nothing is left."""
    with translated(plan.path):
        plan.path.parent.mkdir(parents=True, exist_ok=True)
        form = plan.encoder.form
        options = muxer_options(form, plan.time_base, plan.fragmented)
        file = av.open(url_of(plan.part), "w", format=form, options=options)
        sink = VideoSink(plan, file, _add_stream(plan, file), copies)
        if copies is not None:
            copies.attach(file)
        return sink


class VideoSink:
    """Takes frames in order; `finish` makes the file whole, `discard` leaves nothing behind.

    The file is written beside its place as `.part`. A partial file is never worth keeping: without its trailer an mp4
    cannot be read.
    """

    def __init__(self, plan: SinkPlan, file: OutputContainer, stream: VideoStream, copies: StreamCopy | None) -> None:
        self.output = plan.output
        self._plan = plan
        self._file = file
        self._stream = stream
        self._copies = copies
        self._frames = 0
        self._first: int | None = None
        self._last = 0
        self._last_duration = 0

    def write(self, frame: VideoFrame) -> None:
        """Encode the next frame; its pts is the source's."""
        stamp = frame.pts
        assert stamp is not None, "the source stamps every frame"
        frame = self._fitted(frame)
        self._first = stamp if self._first is None else self._first
        self._last = stamp
        self._last_duration = frame.duration or 0
        frame.pts = stamp - self._plan.base
        frame.dts = None
        frame.time_base = self._plan.time_base
        # A decoded frame's type would be forced on the encoder.
        frame.pict_type = 0
        self._frames += 1
        with translated(self._plan.path):
            self._mux(frame)

    def finish(self) -> OutputFile:
        """Flush and close the `.part`, which `publish` makes appear; what was written."""
        with translated(self._plan.path):
            self._mux(None)
            if self._copies is not None:
                for packet in self._copies.until(None):
                    self._file.mux_one(packet)
            extradata = self._stream.codec_context.extradata
            self._file.close()
        return self._describe(extradata)

    def discard(self) -> None:
        """Give the file up. It is unlinked first: closing it would otherwise rewrite it for fast start."""
        with contextlib.suppress(FileNotFoundError):
            self._plan.part.unlink()
        with contextlib.suppress(av.error.FFmpegError, ValueError):
            self._file.close()
        with contextlib.suppress(FileNotFoundError):
            self._plan.part.unlink()

    def _mux(self, frame: VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            if self._copies is not None and packet.dts is not None:
                for copied in self._copies.until(packet.dts * packet.time_base):
                    self._file.mux_one(copied)
            self._file.mux_one(packet)

    def _fitted(self, frame: VideoFrame) -> VideoFrame:
        """In the encoder's format and size. Codecs that hold odd sides do not get the row and column for the others."""
        encoder = self._plan.encoder
        if (frame.format.name, frame.width, frame.height) == (encoder.pixels, encoder.width, encoder.height):
            return frame
        spare = (frame.width - encoder.width, frame.height - encoder.height)
        if frame.format.name == encoder.pixels and set(spare) <= {0, 1}:
            return cropped(frame, encoder.width, encoder.height)
        made = frame.reformat(width=encoder.width, height=encoder.height, format=encoder.pixels)
        made.pts, made.time_base, made.duration = frame.pts, frame.time_base, frame.duration
        return made

    def _describe(self, extradata: bytes | None) -> OutputFile:
        span = 0 if self._first is None else self._last - self._first + self._last_duration
        return OutputFile(
            output=self.output,
            path=self._plan.path,
            container=self._plan.encoder.container,
            sha256=sha256_of(self._plan.part),
            size=self._plan.part.stat().st_size,
            frames=self._frames,
            width=self._plan.encoder.width,
            height=self._plan.encoder.height,
            duration=float(span * self._plan.time_base),
            time_base=self._plan.time_base,
            first_pts=self._first,
            last_pts=None if self._first is None else self._last,
            extradata_sha256=hashlib.sha256(extradata).hexdigest() if extradata else None,
        )


def muxer_options(form: str, time_base: Fraction, fragmented: bool = False) -> dict[str, str]:
    """What a container is written with: mp4 and mov count in `time_base` and begin with their index.

    Fragments have an index each. The head of such a file waits for the first one: only then does it say by an edit list
    when the picture begins, and times are exact.
    """
    if form not in ("mp4", "mov"):
        return {}
    timescale = str(min(time_base.denominator, MAX_TIMESCALE))
    scales = {"video_track_timescale": timescale, "movie_timescale": timescale}
    if fragmented:
        return {"movflags": FRAGMENTS, "frag_duration": str(FRAGMENT_US), "flush_packets": "1"} | scales
    return {"movflags": "+faststart"} | scales


def _add_stream(plan: SinkPlan, file: OutputContainer) -> VideoStream:
    encoder, geometry = plan.encoder, plan.geometry
    stream = file.add_stream(encoder.codec, rate=plan.rate, options=encoder.options)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = encoder.width, encoder.height, encoder.pixels
    context = stream.codec_context
    context.time_base = stream.time_base = plan.time_base
    context.thread_count = encoder.threads
    if encoder.tag is not None and encoder.form in ("mp4", "mov"):
        context.codec_tag = encoder.tag
    if geometry.sar is not None and encoder.form != "webm":
        context.sample_aspect_ratio = geometry.sar
    colour = geometry.colour
    # Tags on frames alone are ignored by x264; tags here alone are ignored by ProRes. Both are set.
    context.color_range = FULL if plan.output is Output.MASK else colour.range
    context.colorspace, context.color_primaries, context.color_trc = colour.space, colour.primaries, colour.transfer
    if geometry.matrix is not None:
        stream.set_display_matrix(geometry.matrix)
    if encoder.pixels == "yuva420p":
        stream.metadata["alpha_mode"] = "1"
    return stream
