"""Each clip of the matrix through the pipeline at the best quality, judged by the ffmpeg program alone."""

import re
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from interface_node.pipeline.frames import even
from interface_node.pipeline.spec import OutputFile
from protocol.work import Encoding
from tests import independent_reader as reader
from tests.fakes.segmenters import Everything
from tests.fidelity.matrix import ROWS, Row
from tests.interface_node.pipeline.segments import Task

MKV_TICK: Final = Fraction(1, 1000)
SHAPE: Final = re.compile(
    r"Video: .*?, (?P<pixels>\w+)(?:\((?P<tags>(?:[^()]|\([^)]*\))*)\))?, (?P<width>\d+)x(?P<height>\d+)"
)
SCAN: Final = {"progressive", "top first", "bottom first", "top coded first (swapped)"}
LIMITED: Final = {"tv"}
"""What a file means that says nothing: HEVC and AV1 cannot leave the range open, and H.264 cannot say it alone."""


def described(path: Path) -> tuple[str, dict[str, str]]:
    """The line of the picture, and the words of its colour tags, size and pixels."""
    line = next(one for one in reader.streams(path) if "Video:" in one)
    found = SHAPE.search(line)
    assert found, line
    return line, found.groupdict(default="")


def tags(path: Path) -> set[str]:
    """Range, matrix, primaries and transfer as the program words them."""
    return {word for word in described(path)[1]["tags"].split(", ") if word} - SCAN


def turn(path: Path) -> list[str]:
    """The display matrix."""
    return [line for line in reader.streams(path) if "isplay" in line and "atrix" in line]


def shape(path: Path) -> str:
    """The ratio of a pixel's sides; where picture and container differ, the container's, as players have it."""
    found = re.findall(r"SAR (\d+:\d+)", described(path)[0])
    return str(found[-1]) if found else "1:1"


def graded(path: Path) -> set[str]:
    """The display and the light that a file names; AV1 counts its darkest light in coarser steps."""
    lines = (
        re.sub(r"min_luminance=0\.0050\d+", "min_luminance=0.005", line)
        for line in reader.description(path).splitlines()
    )
    return {line.strip() for line in lines if re.match(r"\s*(Mastering display|Content light level) meta", line)}


def psnr(one: NDArray[np.uint16], other: NDArray[np.uint16]) -> float:
    """Decibel, of ten-bit values."""
    error = float(np.mean((one.astype(np.float64) - other.astype(np.float64)) ** 2))
    return 99.0 if error == 0 else float(10 * np.log10(1023**2 / error))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_clip_comes_back_as_it_was(tmp_path: Path, row: Row) -> None:
    source = row.write(tmp_path)
    task = Task(source, tmp_path, encoding=Encoding(preset="slow", crf=12, codec=row.codec), model=Everything)
    (made,) = task.run("made")
    assert made.frames == len(reader.frame_times(source).times)
    check_times(source, made)
    check_sound(source, made)
    check_tags(source, made, row)
    check_pictures(source, made, row)


def check_times(source: Path, made: OutputFile) -> None:
    """As many frames, each at its time after rounding to the time base of the output."""
    wanted, found = reader.frame_times(source).times, reader.frame_times(made.path)
    base = min(wanted[0], Fraction(0))
    tick = MKV_TICK if made.container == "mkv" else made.time_base
    assert found.times == [round((time - base) / tick) * tick for time in wanted]
    assert not found.complaints


def check_sound(source: Path, made: OutputFile) -> None:
    """Every packet of every sound and subtitle as it was; sound begins when it did."""
    lines = reader.streams(source)
    stripped = "aac_adtstoasc" if source.suffix == ".ts" and any("Audio: aac" in line for line in lines) else None
    for kind, word in (("a", "Audio:"), ("s", "Subtitle:")):
        for place in range(sum(word in line for line in lines)):
            found = reader.packet_hashes(made.path, kind, place=place)
            assert found == reader.packet_hashes(source, kind, stripped, place)
    if any("Audio:" in line for line in lines):
        base = min(reader.frame_times(source).times[0], Fraction(0))
        assert abs(reader.first_sound(made.path) - (reader.first_sound(source) - base)) <= MKV_TICK / 2


def check_tags(source: Path, made: OutputFile, row: Row) -> None:
    """Colours, turn, shape of the pixels, depth and size."""
    before, after = described(source)[1], described(made.path)[1]
    assert (tags(made.path) or LIMITED) == (tags(source) or LIMITED)
    assert turn(made.path) == turn(source)
    assert shape(made.path) == shape(source)
    assert graded(made.path) == graded(source)
    assert len(graded(source)) == (2 if row.graded else 0)
    assert ("10le" in after["pixels"]) is any(depth in before["pixels"] for depth in ("10le", "12le"))
    width, height = int(before["width"]), int(before["height"])
    if row.codec != "av1":
        width, height = even(width), even(height)
    assert (after["width"], after["height"]) == (str(width), str(height))


def check_pictures(source: Path, made: OutputFile, row: Row) -> None:
    """The person is everywhere, so the composite is the source."""
    before, after = described(source)[1], described(made.path)[1]
    width, height = int(before["width"]), int(before["height"])
    if "gray" in before["pixels"]:
        wanted = reader.grey_and_chroma(source, (width, height), deep=before["pixels"] != "gray")
    else:
        wanted = reader.luma_and_chroma(source, (width, height))
    found = reader.luma_and_chroma(made.path, (int(after["width"]), int(after["height"])))
    for one, other in zip(wanted, found, strict=True):
        assert psnr(one, other[:, : one.shape[1], : one.shape[2]]) >= row.level
