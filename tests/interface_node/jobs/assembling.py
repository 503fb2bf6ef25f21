"""Segments that are offered, and the step that joins them, as a coordinator makes them of each other."""

from collections.abc import Sequence
from pathlib import Path

from interface_node.pipeline.source import scan
from protocol.base import AttemptId, StepId
from protocol.states import Output, StepKind
from protocol.work import Assignment, Part
from tests.fakes.coordinator import FakeCoordinator
from tests.interface_node.pipeline.segments import ranges

OUTPUTS = (Output.COMPOSITE, Output.MASK)


def segments(coordinator: FakeCoordinator, video: Path, cuts: Sequence[int]) -> list[Assignment]:
    """Offer every segment of the video, and wait until all are done."""
    data = video.read_bytes()
    steps = [
        coordinator.assignment(data, range=wanted, outputs=OUTPUTS, step_id=StepId(f"s_{number}"))
        for number, wanted in enumerate(ranges(video, cuts))
    ]
    for step in steps:
        coordinator.offer(step)
    for step in steps:
        ended = coordinator.end_of(step)
        assert ended.kind == "completed", ended.error
    return steps


def part(coordinator: FakeCoordinator, data: bytes, segment: Assignment, output: Output) -> Part:
    """A finished output of a segment, as an assignment names it; the coordinator serves `data` for it."""
    source = coordinator.source(data)
    frames = segment.range.frames if segment.range else 0
    return Part(
        step_id=segment.step_id,
        attempt_id=segment.attempt_id,
        output=output,
        url=source.url,
        sha256=source.sha256,
        size=source.size,
        frames=frames,
        first_pts=(segment.range.first_pts if segment.range else 0) or 0,
    )


def joining(coordinator: FakeCoordinator, video: Path, done: Sequence[Assignment]) -> Assignment:
    """The step that joins what the segments uploaded: for each output the segments in their order."""
    parts = tuple(
        part(coordinator, bytes(coordinator.artifacts[one.attempt_id, output.value]), one, output)
        for output in OUTPUTS
        for one in done
    )
    whole = scan(video).whole()
    return coordinator.assignment(video.read_bytes(), kind=StepKind.ASSEMBLE, range=whole, parts=parts, outputs=OUTPUTS)


def joining_of(coordinator: FakeCoordinator, pieces: Sequence[bytes], source: bytes = b"the whole") -> Assignment:
    """A step that joins these bytes of the composite, which no video is."""
    done = coordinator.assignment(b"", attempt_id=AttemptId("a_segment"))
    parts = tuple(part(coordinator, data, done, Output.COMPOSITE) for data in pieces)
    return coordinator.assignment(source, kind=StepKind.ASSEMBLE, parts=parts)
