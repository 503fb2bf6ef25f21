"""Composites in every codec: tags, depth, parameter sets, and joined parts that are what one run makes."""

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from interface_node.errors import UnsupportedOutput
from interface_node.pipeline.encoders import encoder_for
from interface_node.pipeline.frames import Colour, Geometry
from interface_node.pipeline.mastering import Display, Mastering, svtav1_params, x264_params, x265_params
from interface_node.pipeline.source import open_source
from interface_node.pipeline.spec import OutputFile
from protocol.states import Output
from protocol.work import Encoding
from tests import clips
from tests import independent_reader as reader
from tests.clips import Clip
from tests.interface_node.pipeline.segments import Task, pairs

CODECS = ("h264", "hevc", "av1")
PQ = (1, 9, 9, 16)
"""Limited range, BT.2020 matrix and primaries, SMPTE ST 2084."""
HLG = (1, 9, 9, 18)
DEEP = Clip(codec="libx265", pixels="yuv420p10le", colour=PQ)
GRADED = Mastering(
    Display((34000, 16000), (13250, 34500), (7500, 3000), (15635, 16450), darkest=50, brightest=10_000_000), (1000, 400)
)


def encoded(codec: str, **options: Any) -> Encoding:
    """An encoding that is quick to make."""
    return Encoding.model_validate({"codec": codec, "preset": "ultrafast", **options})


def first_extradata(path: Path) -> bytes:
    """The parameter sets as the file has them."""
    with av.open(str(path)) as file:
        return bytes(file.streams.video[0].codec_context.extradata or b"")


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("clip", [Clip(audio="aac", keyframe_every=12), DEEP], ids=["eight bits", "ten bits"])
def test_parts_of_every_codec_are_joined_to_what_one_run_makes(tmp_path: Path, codec: str, clip: Clip) -> None:
    task = Task(clips.write(tmp_path / "a.mp4", clip), tmp_path, encoding=encoded(codec))
    ((single, joined),) = pairs(task, (7, 12))
    assert reader.frame_times(joined.path).times == reader.frame_times(task.source).times
    assert not reader.frame_times(joined.path).complaints
    assert reader.streams(joined.path) == reader.streams(single.path)
    assert first_extradata(joined.path) == first_extradata(single.path)
    parts = [task.folder / f"segment-{number}" / "composite.mp4" for number in range(3)]
    assert reader.frame_hashes(joined.path) == [one for part in parts for one in reader.frame_hashes(part)]
    if clip.audio:
        assert reader.packet_hashes(joined.path, "a") == reader.packet_hashes(task.source, "a")


@pytest.mark.parametrize(("codec", "entry"), [("h264", "avc1"), ("hevc", "hvc1"), ("av1", "av01")])
@pytest.mark.parametrize(("colour", "name"), [(PQ, "smpte2084"), (HLG, "arib-std-b67")])
def test_ten_bits_and_the_tags_of_hdr_are_kept_by_every_codec(
    tmp_path: Path, codec: str, entry: str, colour: tuple[int, int, int, int], name: str
) -> None:
    source = clips.write(tmp_path / "a.mp4", Clip(codec="libx265", pixels="yuv420p10le", colour=colour))
    (made,) = Task(source, tmp_path, encoding=encoded(codec)).run("single")
    (line,) = [one for one in reader.streams(made.path) if "Video:" in one]
    assert f"({entry} /" in line
    assert f"yuv420p10le(tv, bt2020nc/bt2020/{name}" in line


def graded(path: Path) -> Path:
    """A clip that says what it was graded on."""
    with av.open(str(path), "w") as output:
        params = "log-level=none:repeat-headers=1:keyint=12" + x265_params(GRADED)
        stream = output.add_stream("libx265", rate=24, options={"preset": "ultrafast", "x265-params": params})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p10le"
        context = stream.codec_context
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = PQ
        for number in range(24):
            frame = av.VideoFrame.from_ndarray(clips.picture(160, 96, number), "rgb24").reformat(format="yuv420p10le")
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def hdr_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all codecs."""
    return graded(tmp_path_factory.mktemp("graded") / "a.mp4")


@pytest.mark.parametrize("codec", CODECS)
def test_the_mastering_display_and_the_light_levels_are_kept_also_in_parts(
    tmp_path: Path, hdr_clip: Path, codec: str
) -> None:
    made: list[OutputFile] = list(*pairs(Task(hdr_clip, tmp_path, encoding=encoded(codec)), (12,)))
    for file in made:
        text = reader.description(file.path)
        assert "r(0.6800,0.3200) g(0.2650,0.6900) b(0.1500 0.0600) wp(0.3127, 0.3290)" in text
        assert "max_luminance=1000.000000" in text
        assert "MaxCLL=1000, MaxFALL=400" in text


def test_the_mastering_display_of_a_source_is_read(hdr_clip: Path) -> None:
    with open_source(hdr_clip) as source:
        assert source.geometry.mastering == GRADED


def test_what_is_unknown_is_not_said() -> None:
    light = Mastering(None, (1000, 400))
    assert x264_params(light) == ":cll=1000,400"
    assert x265_params(light) == ":max-cll=1000,400"
    assert svtav1_params(Mastering(GRADED.display, None)).count(":") == 1


def test_display_structures_are_packed_as_ffmpeg_packs_them() -> None:
    assert struct.calcsize("=20i2i") == 88


@pytest.mark.parametrize(("codec", "width", "height"), [("h264", 162, 98), ("hevc", 162, 98), ("av1", 161, 97)])
def test_odd_sizes_gain_a_row_and_a_column_unless_the_codec_holds_them(
    tmp_path: Path, codec: str, width: int, height: int
) -> None:
    source = clips.write(tmp_path / "a.mkv", Clip(width=161, height=97, codec="ffv1"))
    (made,) = Task(source, tmp_path, encoding=encoded(codec, crf=4)).run("single")
    assert (made.width, made.height) == (width, height)
    found = reader.rgb_frames(made.path, (width, height)).astype(int)
    if codec != "av1":
        assert abs(found[:, :, 160] - found[:, :, 161]).mean() < 4
        assert abs(found[:, 96] - found[:, 97]).mean() < 4


@pytest.mark.parametrize("codec", ["hevc", "av1"])
def test_pictures_too_small_for_a_codec_are_refused_in_words(codec: str) -> None:
    geometry = Geometry(200, 14, 0, None, None, "yuv420p", Colour(1, 1, 1, 1))
    with pytest.raises(UnsupportedOutput, match="200 x 14 pixels are too few"):
        encoder_for(Output.COMPOSITE, encoded(codec), geometry)
    assert encoder_for(Output.COMPOSITE, encoded("h264"), geometry).codec == "libx264"


def test_the_shape_of_pixels_that_av1_in_mkv_would_lose_is_refused_also_in_parts(tmp_path: Path) -> None:
    clip = Clip(audio="aac", subtitles=True, sar=Fraction(4, 3))
    task = Task(clips.write(tmp_path / "a.mkv", clip), tmp_path, encoding=encoded("av1"))
    with pytest.raises(UnsupportedOutput, match="take hevc or h264"):
        task.run("single")
    with pytest.raises(UnsupportedOutput, match="take hevc or h264"):
        task.parts((12,))
    (made,) = Task(task.source, tmp_path / "hevc", encoding=encoded("hevc")).run("single")
    assert "SAR 4:3" in reader.description(made.path)
