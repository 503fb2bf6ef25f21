"""The run: four threads with short queues between them, watched by the caller's own.

    source -> frames -> segmenter -> frames with masks -> compositor -> frames of each output -> sinks

FFmpeg, onnxruntime and OpenCV let go of Python's lock, so threads are enough; queues of four keep memory flat whatever
the length of the video. The caller's thread reports progress and looks whether somebody cancelled.
"""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from interface_node.engine.interface import Segmenter
from interface_node.errors import Cancelled
from interface_node.pipeline.background import open_behind
from interface_node.pipeline.channel import Aborted, Channel
from interface_node.pipeline.compositor import Compositor
from interface_node.pipeline.frames import conform
from interface_node.pipeline.masking import masks
from interface_node.pipeline.segmenter import FrameSegmenter
from interface_node.pipeline.sinks import Sink, open_sinks
from interface_node.pipeline.smoothing import widened
from interface_node.pipeline.source import Shown, Source, open_source
from interface_node.pipeline.spec import IsCancelled, OnProgress, OutputFile, Progress, RunResult, RunSpec
from interface_node.pipeline.whole_file import publish
from protocol.states import Output

QUEUE = 4
LOOK_S = 0.1
REPORT_S = 0.5


def run(spec: RunSpec, segmenter: Segmenter, progress: OnProgress, cancelled: IsCancelled) -> RunResult:
    """Do what `spec` says with a fresh `segmenter`, and leave whole files or none.

    `progress` is called about twice a second and at the end, in this thread; `cancelled` often, in this and others.
    Cancelled when `cancelled()` was true; otherwise any NodeError of the stage that failed.
    """
    cv2.setNumThreads(1)  # small pictures: OpenCV's own threads cost more than they bring
    began = time.monotonic()
    with (
        open_source(spec.source, widened(spec.range) if spec.refinement.smooth else spec.range, cancelled) as source,
        open_behind(spec, source, cancelled) as background,
        open_sinks(spec, source) as sinks,
    ):
        wanted = spec.refinement
        compositor = Compositor(
            source.geometry, background, frozenset(spec.outputs), wanted.edges, wanted.decontaminate
        )
        flow = _Flow(spec, source, segmenter, compositor, sinks)
        try:
            flow.start()
            while not flow.over.wait(LOOK_S):
                if cancelled():
                    raise Cancelled("cancelled while the video was processed")
                flow.report(progress)
        finally:
            flow.stop()
        if flow.error is not None:
            raise flow.error
        flow.report(progress, last=True)
        publish(*(file.path for file in flow.files))
    total = time.monotonic() - began
    return RunResult(
        outputs=tuple(flow.files),
        frames=flow.frames_done,
        corrupt_frames=flow.corrupt,
        first_frame_s=flow.first_frame_at - began,
        total_s=total,
        fps=flow.frames_done / total,
    )


class Masked(NamedTuple):
    """A frame and its mask, `uint8 [h, w]` of the model's size, as stored."""

    frame: VideoFrame
    alpha: NDArray[np.uint8]


class _Flow:
    """The four threads of one run and what they count."""

    def __init__(
        self, spec: RunSpec, source: Source, segmenter: Segmenter, compositor: Compositor, sinks: list[Sink]
    ) -> None:
        self.over = threading.Event()
        self.error: BaseException | None = None
        self.files: list[OutputFile] = []
        self.frames_done = 0
        self.corrupt = 0
        self.first_frame_at = 0.0
        self._total = spec.range.frames if spec.range else 0
        self._refinement = spec.refinement
        self._source = source
        self._segmenter = segmenter
        self._compositor = compositor
        self._sinks = sinks
        self._decoded: Channel[Shown] = Channel(QUEUE)
        self._masked: Channel[Masked] = Channel(QUEUE)
        self._made: Channel[dict[Output, VideoFrame]] = Channel(QUEUE)
        self._reported_at = 0.0
        stages = (self._read, self._segment, self._compose, self._write)
        self._threads = [threading.Thread(target=self._guard, args=(stage,), name=stage.__name__) for stage in stages]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads, also one that is inside the model, unless all is written; wait for them."""
        if not self.files:
            self._segmenter.stop()
            self._abort()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def report(self, progress: OnProgress, last: bool = False) -> None:
        """Tell where we are, unless that was told a moment ago."""
        now = time.monotonic()
        if not last and now - self._reported_at < REPORT_S:
            return
        self._reported_at = now
        done = self.frames_done
        spent = now - self.first_frame_at
        fps = (done - 1) / spent if done > 1 and spent > 0 else 0.0
        progress(Progress("process", done, self._total, done, self._total, fps))

    def _guard(self, stage: Callable[[], None]) -> None:
        try:
            stage()
        except Aborted:
            pass
        except BaseException as error:  # noqa: BLE001 the edge of a thread: `run` raises it again
            self.error = self.error or error
            self._abort()
            self.over.set()

    def _abort(self) -> None:
        self._decoded.abort()
        self._masked.abort()
        self._made.abort()

    def _read(self) -> None:
        for frame, own in self._source.frames:
            self.corrupt += own and frame.is_corrupt
            self._decoded.put(Shown(conform(frame, self._source.geometry), own))
        self._decoded.close()

    def _segment(self) -> None:
        segmenter = FrameSegmenter(self._segmenter, self._source.geometry)
        for seen in masks(self._decoded, segmenter, self._refinement):
            if seen.own:
                self._masked.put(Masked(seen.frame, seen.alpha))
        self._masked.close()

    def _compose(self) -> None:
        for frame, alpha in self._masked:
            self._made.put(self._compositor.compose(frame, alpha))
        self._made.close()

    def _write(self) -> None:
        for frames in self._made:
            for sink in self._sinks:
                sink.write(frames[sink.output])
            if self.frames_done == 0:
                self.first_frame_at = time.monotonic()
            self.frames_done += 1
        self.files = [sink.finish() for sink in self._sinks]
        self.over.set()
