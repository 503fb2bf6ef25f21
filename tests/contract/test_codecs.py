"""What nodes write in every codec is what the coordinator's verifier expects of them, parts and joined files."""

from fractions import Fraction
from pathlib import Path

import pytest

from coordinator.domain.media import VideoFacts
from coordinator.domain.verification import Expected, check, within
from coordinator.gateway.probe import video
from coordinator.gateway.probe.video import Examined
from interface_node.pipeline.spec import OutputFile
from protocol.states import StepKind
from protocol.work import Encoding, FrameRange
from tests import clips
from tests.clips import Clip
from tests.interface_node.pipeline.segments import Task, ranges


def examined(path: Path) -> Examined:
    """What the probe says of a file."""
    with path.open("rb") as file:
        return video.examine(file.fileno(), quick=False)


def agrees(source: Examined, made: OutputFile, kind: StepKind, wanted: FrameRange, extradata: str | None) -> VideoFacts:
    """The facts of a file that the verifier finds nothing wrong with."""
    found, facts = examined(made.path), source.facts
    sounds = None if kind is StepKind.SEGMENT else 1
    pts = within(list(source.times.pts), wanted)
    expected = Expected(
        kind, made.output, wanted, facts.width, facts.height, Fraction(facts.sar), extradata, pts, sounds
    )
    assert check(expected, found.facts, list(found.times.pts)) is None
    return found.facts


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
@pytest.mark.parametrize("fragmented", [False, True], ids=["plain", "fragmented"])
def test_parts_and_joined_files_of_every_codec_are_verified(tmp_path: Path, codec: str, fragmented: bool) -> None:
    odd = Clip(width=161, height=97, codec="libsvtav1", audio="aac", sar=Fraction(4, 3))
    encoding = Encoding.model_validate({"codec": codec, "preset": "ultrafast", "fragmented": fragmented})
    task = Task(clips.write(tmp_path / "a.mp4", odd), tmp_path, encoding=encoding)
    source, plan = examined(task.source), ranges(task.source, (7, 12))
    extradata: str | None = None
    for number, wanted in enumerate(plan):
        (part,) = task.run(f"part-{number}", wanted)
        facts = agrees(source, part, StepKind.SEGMENT, wanted, extradata)
        assert facts.codec == codec
        extradata = facts.extradata_sha256
    whole = ranges(task.source, ())[0]
    (joined,) = task.join(task.segments(plan), whole=whole)
    assert agrees(source, joined, StepKind.ASSEMBLE, whole, extradata).sar == "4/3"
    (single,) = task.run("single")
    assert agrees(source, single, StepKind.ASSEMBLE, whole, extradata).has_audio
