"""The files of a run appear together or not at all, and never in the place of one that nobody named."""

from pathlib import Path

import pytest

from interface_node.errors import OutputUnwritable
from interface_node.pipeline.run import run
from interface_node.pipeline.spec import Plain, RunSpec
from protocol.states import Output
from protocol.work import Encoding
from tests import clips
from tests.clips import Clip
from tests.fakes.segmenters import Halves


def process(source: Path, outputs: dict[Output, Path]) -> None:
    spec = RunSpec(source, Plain(16, 180, 64), outputs, Encoding(preset="ultrafast"))
    run(spec, Halves(), lambda progress: None, lambda: False)


@pytest.mark.parametrize("blocked", ["mask.mp4", "mask.zip"])
def test_where_the_last_output_cannot_appear_the_finished_ones_do_not(tmp_path: Path, blocked: str) -> None:
    source = clips.write(tmp_path / "a.mp4")
    (tmp_path / blocked).mkdir()
    with pytest.raises(OutputUnwritable, match="cannot be written"):
        process(source, {Output.COMPOSITE: tmp_path / "c.mp4", Output.MASK: tmp_path / blocked})
    assert {path.name for path in tmp_path.iterdir()} == {"a.mp4", blocked}


def test_a_result_that_must_become_mkv_does_not_take_the_place_of_its_source(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "talk.mkv", Clip(audio="aac", subtitles=True))
    before = source.read_bytes()
    with pytest.raises(OutputUnwritable, match=r"talk\.mkv is there already"):
        process(source, {Output.COMPOSITE: tmp_path / "talk.mp4"})
    assert source.read_bytes() == before
    assert list(tmp_path.iterdir()) == [source]
