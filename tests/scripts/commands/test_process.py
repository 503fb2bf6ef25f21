"""`segfleet process` and `segfleet models` as a person at a terminal sees them."""

from pathlib import Path

import cv2
import pytest
import typer
from typer.testing import CliRunner

from interface_node.errors import DownloadFailed
from interface_node.models import catalogue, store
from interface_node.settings import from_environment
from scripts.commands import models
from scripts.commands.process import process
from tests import clips
from tests import independent_reader as reader
from tests.interface_node.pipeline import greys

app = typer.Typer()
app.command()(process)
app.add_typer(models.app, name="models")
runner = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})


@pytest.fixture(scope="module", autouse=True)
def model() -> None:
    """The default model, fetched once for the whole suite."""
    cache = from_environment().segfleet_cache
    try:
        store.pull(cache, catalogue.find(cache, "selfie"))
    except DownloadFailed as error:
        pytest.skip(f"THE DEFAULT MODEL CANNOT BE HAD: {error.detail}")


def call(*words: str | Path) -> tuple[int, str]:
    result = runner.invoke(app, [str(word) for word in words])
    return result.exit_code, result.output


def test_a_video_gets_a_colour_behind_it_and_the_files_are_named(tmp_path: Path) -> None:
    source, out = clips.write(tmp_path / "a.mp4"), tmp_path / "out.mp4"
    code, text = call(
        "process", source, "-b", "color:#20a060", "-o", out, "--outputs", "composite", "--outputs", "mask"
    )
    assert code == 0, text
    assert "24 frames in" in text
    assert str(tmp_path / "out-mask.mp4") in text
    assert reader.frame_times(out).times == reader.frame_times(source).times


def test_a_composite_is_written_in_the_codec_that_is_asked_for(tmp_path: Path) -> None:
    source, out = clips.write(tmp_path / "a.mp4"), tmp_path / "out.mp4"
    wanted = ("--codec", "hevc", "--quality", "draft", "--fragmented")
    code, text = call("process", source, "-b", "color:#20a060", "-o", out, *wanted)
    assert code == 0, text
    assert "hevc (Main) (hvc1" in reader.description(out)
    assert b"moof" in out.read_bytes()
    assert reader.frame_times(out).times == reader.frame_times(source).times


def test_a_picture_gets_a_picture_behind_it(tmp_path: Path) -> None:
    source, behind = clips.still(tmp_path / "a.png"), clips.still(tmp_path / "b.jpg")
    code, text = call("process", source, "--background", behind, "--out", tmp_path / "c.webp")
    assert code == 0, text
    assert (tmp_path / "c.webp").read_bytes()[:4] == b"RIFF"


@pytest.mark.parametrize("background", ["blur", "blur:0.9", "gradient:#102030,#a0b0c0", "gradient:#102030,#a0b0c0,-45"])
def test_what_is_painted_is_a_background(tmp_path: Path, background: str) -> None:
    code, text = call("process", clips.write(tmp_path / "a.mp4"), "-b", background, "-o", tmp_path / "c.mp4")
    assert code == 0, text
    assert (tmp_path / "c.mp4").stat().st_size > 0


@pytest.mark.parametrize(
    ("background", "code"),
    [
        ("color:#zzzzzz", "unsupported_background"),
        ("blur:2", "unsupported_background"),
        ("blur:much", "unsupported_background"),
        ("transparent", "unsupported_background"),
        ("gradient:#102030", "unsupported_background"),
        ("gradient:#102030,#a0b0c0,north", "unsupported_background"),
        ("nowhere.png", "unsupported_background"),
    ],
)
def test_a_background_that_cannot_be_made_ends_with_its_code(tmp_path: Path, background: str, code: str) -> None:
    exit_code, text = call("process", clips.write(tmp_path / "a.mp4"), "-b", background, "-o", tmp_path / "c.mp4")
    assert (exit_code, code in text) == (1, True)


@pytest.mark.parametrize(("end", "shown"), [("--loop", [0, 1, 2, 0, 1, 2, 0, 1]), ("--hold", [0, 1, 2, 2, 2, 2, 2, 2])])
def test_a_video_is_a_background_looped_or_held(tmp_path: Path, end: str, shown: list[int]) -> None:
    source = clips.write(tmp_path / "a.mp4", clips.Clip(frames=24, rate=24))
    moving = greys.write(tmp_path / "b.mp4", frames=3, rate=8)
    code, text = call("process", source, "-b", moving, end, "-o", tmp_path / "c.mp4", "--crf", "8")
    assert code == 0, text
    assert greys.shown_behind(tmp_path / "c.mp4")[::3] == shown


def test_nothing_is_behind_a_foreground_and_behind_a_picture_with_alpha(tmp_path: Path) -> None:
    video, still = clips.write(tmp_path / "a.mp4"), clips.still(tmp_path / "a.png")
    code, text = call("process", video, "-b", "transparent", "--outputs", "foreground", "-o", tmp_path / "c.mp4")
    assert code == 0, text
    assert (tmp_path / "c-foreground.webm").stat().st_size > 0
    assert call("process", still, "-b", "transparent", "-o", tmp_path / "c.png")[0] == 0
    cut_out = cv2.imread(str(tmp_path / "c.png"), cv2.IMREAD_UNCHANGED)
    assert cut_out is not None
    assert cut_out.shape == (96, 160, 4)
    code, text = call("process", still, "-b", "transparent", "-o", tmp_path / "c.jpg")
    assert (code, "take png or webp" in text) == (1, True)


def test_a_file_that_is_no_video_ends_with_its_code(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("nothing", encoding="utf-8")
    code, text = call("process", path, "-b", "color:#000000", "-o", tmp_path / "c.mp4")
    assert (code, "not_a_video" in text) == (1, True)


def test_an_unknown_model_ends_with_the_known_ones(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "a.mp4")
    code, text = call("process", source, "-b", "color:#000000", "-o", tmp_path / "c.mp4", "--model", "x")
    assert code == 1
    assert "unknown_model" in text
    assert "selfie-wide" in text


def test_the_list_of_models_says_what_is_on_this_machine() -> None:
    code, text = call("models", "list")
    assert code == 0
    assert "selfie-wide" in text
    assert "Apache-2.0" in text


def test_pulling_a_model_that_is_there_says_where_it_is() -> None:
    code, text = call("models", "pull", "selfie")
    assert code == 0
    assert ".onnx" in text


def test_the_facts_of_a_model_can_be_read() -> None:
    code, text = call("models", "info", "selfie-512")
    assert code == 0
    for fact in ("selfie-wide", "512x288", "9ee168ec7c8f2a16", "Apache-2.0"):
        assert fact in text


def test_pulling_a_wrong_file_ends_with_its_code(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"\xff" * 64)
    code, text = call("models", "pull", "selfie", "--from", path)
    assert (code, "model_invalid" in text) == (1, True)
