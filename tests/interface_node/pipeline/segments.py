"""One video done in segments and as a whole, and its parts joined: what the tests of joining compare."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from interface_node.engine.interface import Segmenter
from interface_node.pipeline.assemble import AssembleSpec, assemble
from interface_node.pipeline.joint import PartFile
from interface_node.pipeline.run import run
from interface_node.pipeline.source import scan
from interface_node.pipeline.spec import IsCancelled, OutputFile, Plain, Progress, RunSpec
from interface_node.pipeline.timeline import read_timeline
from protocol.states import Output
from protocol.work import Encoding, FrameRange
from tests.fakes.segmenters import Halves

FINE = Encoding(crf=10)
GREEN = Plain(16, 180, 64)
ALL = (Output.COMPOSITE, Output.MASK, Output.FOREGROUND)


def ranges(source: Path, cuts: Sequence[int]) -> list[FrameRange]:
    """The plan of a video that is cut before those frames."""
    whole = scan(source).whole()
    stamps = read_timeline(source, whole).stamps
    ends = [0, *cuts, len(stamps)]
    return [
        whole.model_copy(
            update={
                "start_pts": stamps[begin] if begin else None,
                "end_pts": stamps[end] if end < len(stamps) else None,
                "frames": end - begin,
                "first_pts": stamps[begin],
                "last_pts": stamps[end - 1],
            }
        )
        for begin, end in itertools.pairwise(ends)
    ]


@dataclass(frozen=True)
class Task:
    """A video with what is wanted of it; `folder` takes all that is made."""

    source: Path
    folder: Path
    outputs: tuple[Output, ...] = (Output.COMPOSITE,)
    encoding: Encoding = FINE
    model: Callable[[], Segmenter] = Halves

    def paths(self, name: str) -> dict[Output, Path]:
        """Where the outputs of that name go."""
        suffixes = {Output.FOREGROUND: ".webm" if self.encoding.foreground == "vp9" else ".mov"}
        return {one: self.folder / name / f"{one.value}{suffixes.get(one, '.mp4')}" for one in self.outputs}

    def run(self, name: str, wanted: FrameRange | None = None) -> list[OutputFile]:
        """One node's work on a range, or on everything."""
        spec = RunSpec(self.source, GREEN, self.paths(name), self.encoding, wanted or scan(self.source).whole())
        return list(run(spec, self.model(), lambda progress: None, lambda: False).outputs)

    def parts(self, cuts: Sequence[int]) -> dict[Output, list[PartFile]]:
        """The video cut before those frames, each segment made by itself."""
        return self.segments(ranges(self.source, cuts))

    def segments(self, plan: Sequence[FrameRange]) -> dict[Output, list[PartFile]]:
        """Each segment made by itself."""
        made: dict[Output, list[PartFile]] = {one: [] for one in self.outputs}
        for number, wanted in enumerate(plan):
            for file in self.run(f"segment-{number}", wanted):
                made[file.output].append(PartFile(file.path, file.frames))
        return made

    def join(
        self,
        parts: dict[Output, list[PartFile]],
        told: list[Progress] | None = None,
        cancelled: IsCancelled = lambda: False,
        whole: FrameRange | None = None,
    ) -> list[OutputFile]:
        """The joined files."""
        spec = AssembleSpec(self.source, whole or scan(self.source).whole(), parts, self.paths("joined"))
        heard: list[Progress] = [] if told is None else told
        return list(assemble(spec, heard.append, cancelled).outputs)


def pairs(task: Task, cuts: Sequence[int]) -> Iterator[tuple[OutputFile, OutputFile]]:
    """For each output the file of a single run and the joined one."""
    yield from zip(task.run("single"), task.join(task.parts(cuts)), strict=True)
