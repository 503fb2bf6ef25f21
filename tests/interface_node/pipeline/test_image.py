"""Still pictures and single frames go the same way, upright, and come out as pictures."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from interface_node.engine.session import ModelSession
from interface_node.errors import Cancelled, MediaTooLarge, NotAnImage, OutputUnwritable
from interface_node.pipeline.image import ImageSpec, run_image
from interface_node.pipeline.source import scan
from interface_node.pipeline.spec import OutputFile, Plain, RunResult
from interface_node.pipeline.still import read_picture
from protocol.states import Output
from protocol.work import ImageFormat
from tests import clips
from tests import independent_reader as reader
from tests.clips import Clip
from tests.fakes.segmenters import Halves

GREEN = Plain(16, 180, 64)
ALL = tuple(Output)


def made_of(source: Path, folder: Path, kind: ImageFormat = "png") -> dict[Output, OutputFile]:
    spec = ImageSpec(source, GREEN, {output: folder / f"{output}.x" for output in ALL}, kind)
    result: RunResult = run_image(spec, Halves(), lambda progress: None, lambda: False)
    return {made.output: made for made in result.outputs}


def pixels(path: Path) -> NDArray[np.int64]:
    """As OpenCV alone reads it, RGB or RGBA or grey."""
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert found is not None
    order = [2, 1, 0, 3][: found.shape[2]] if found.ndim == 3 else []
    return np.asarray(found[:, :, order] if order else found, np.int64)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_picture_keeps_its_person_and_loses_its_background(tmp_path: Path, suffix: str) -> None:
    source = clips.still(tmp_path / f"a{suffix}")
    made = made_of(source, tmp_path / "out")
    before = read_picture(source).astype(int)
    after = pixels(made[Output.COMPOSITE].path)
    assert np.abs(after[:, :76] - before[:, :76]).max() <= 1
    assert np.array_equal(after[:, 84:], np.full((96, 76, 3), [16, 180, 64]))


def test_mask_and_foreground_of_a_picture_are_grey_and_alpha(tmp_path: Path) -> None:
    made = made_of(clips.still(tmp_path / "a.png"), tmp_path / "out")
    mask, front = pixels(made[Output.MASK].path), pixels(made[Output.FOREGROUND].path)
    assert mask.shape == (96, 160)
    assert (mask[:, :76].min(), mask[:, 84:].max()) == (255, 0)
    assert np.array_equal(front[:, :, 3], mask)
    assert np.array_equal(front[:, :, :3], read_picture(tmp_path / "a.png"))


@pytest.mark.parametrize(("kind", "suffix"), [("png", ".png"), ("webp", ".webp"), ("jpeg", ".jpg")])
def test_the_format_of_the_results_can_be_chosen(tmp_path: Path, kind: ImageFormat, suffix: str) -> None:
    made = made_of(clips.still(tmp_path / "a.png"), tmp_path / "out", kind)
    assert made[Output.COMPOSITE].path.suffix == suffix
    assert made[Output.COMPOSITE].container == kind
    assert pixels(made[Output.COMPOSITE].path).shape == (96, 160, 3)


def test_a_foreground_is_png_where_jpeg_was_asked_for(tmp_path: Path) -> None:
    made = made_of(clips.still(tmp_path / "a.png"), tmp_path / "out", "jpeg")
    assert (made[Output.FOREGROUND].path.suffix, made[Output.FOREGROUND].container) == (".png", "png")


def test_the_orientation_of_a_photograph_is_applied(tmp_path: Path) -> None:
    upright = read_picture(clips.still(tmp_path / "a.jpg")).astype(int)
    turned = read_picture(clips.still(tmp_path / "b.jpg", orientation=6)).astype(int)
    assert turned.shape == (160, 96, 3)
    assert np.abs(turned - np.rot90(upright, -1)).mean() < 3
    made = made_of(tmp_path / "b.jpg", tmp_path / "out")
    assert (made[Output.COMPOSITE].width, made[Output.COMPOSITE].height) == (96, 160)


def test_a_range_names_its_frame_exactly(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "a.mp4", Clip(frames=48))
    wanted = scan(source).whole().model_copy(update={"start_pts": 30 * 512, "frames": 1})
    spec = ImageSpec(source, GREEN, {Output.COMPOSITE: tmp_path / "c.png"}, range=wanted)
    run_image(spec, Halves(), lambda progress: None, lambda: False)
    expected = reader.rgb_frames(source, (160, 96))[30].astype(int)
    assert np.abs(pixels(tmp_path / "c.png")[:, :76] - expected[:, :76]).mean() < 2


def test_a_frame_of_a_rotated_video_is_upright(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "a.mp4", Clip(rotation=90))
    spec = ImageSpec(source, GREEN, {Output.COMPOSITE: tmp_path / "c.png"}, range=scan(source).whole())
    run_image(spec, Halves(), lambda progress: None, lambda: False)
    assert pixels(tmp_path / "c.png").shape == (160, 96, 3)


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a" + bytes(50), b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0\x00", b"RIFF1234WEBP"]
)
def test_what_is_no_picture_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(NotAnImage):
        made_of(path, tmp_path / "out")


def test_a_picture_that_is_cut_off_in_its_header_is_refused(tmp_path: Path) -> None:
    path = clips.still(tmp_path / "a.png")
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(NotAnImage):
        read_picture(path)


def test_a_bomb_is_refused_from_its_header(tmp_path: Path) -> None:
    with pytest.raises(MediaTooLarge, match="30000 x 30000 pixels, at most 64 megapixels"):
        read_picture(clips.huge_png(tmp_path / "a.png"))


def test_the_header_says_what_the_decoder_says(tmp_path: Path) -> None:
    for suffix in (".png", ".jpg", ".webp"):
        path = clips.still(tmp_path / f"a{suffix}", 203, 77)
        assert read_picture(path).shape == (77, 203, 3)


def test_a_cancelled_picture_writes_nothing(tmp_path: Path) -> None:
    spec = ImageSpec(clips.still(tmp_path / "a.png"), GREEN, {Output.COMPOSITE: tmp_path / "out" / "c.png"})
    with pytest.raises(Cancelled):
        run_image(spec, Halves(), lambda progress: None, lambda: True)
    assert not (tmp_path / "out").exists()


def test_where_one_output_cannot_be_written_none_appears(tmp_path: Path) -> None:
    (tmp_path / "foreground.png").mkdir()
    with pytest.raises(OutputUnwritable, match=r"foreground\.png cannot be written"):
        made_of(clips.still(tmp_path / "a.png"), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "foreground.png"}


def test_a_picture_that_is_called_jpeg_keeps_its_name(tmp_path: Path) -> None:
    spec = ImageSpec(clips.still(tmp_path / "a.png"), GREEN, {Output.COMPOSITE: tmp_path / "c.jpeg"}, "jpeg")
    run_image(spec, Halves(), lambda progress: None, lambda: False)
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "c.jpeg"}


def test_a_real_face_is_found_in_a_still(sample_clip: Path, selfie: ModelSession, tmp_path: Path) -> None:
    spec = ImageSpec(sample_clip, GREEN, {Output.MASK: tmp_path / "m.png"}, range=scan(sample_clip).whole())
    run_image(spec, selfie.segmenter(), lambda progress: None, lambda: False)
    mask = pixels(tmp_path / "m.png")
    assert mask.shape == (144, 176)
    assert mask[60:90, 70:100].mean() > 240
    assert mask[:30, :30].mean() < 10
