"""`segfleet process --preview` and `--mask png`, as a person at a terminal sees them, with a model of a few bytes."""

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from numpy.typing import NDArray
from typer.testing import CliRunner

from scripts.commands import preview
from scripts.commands.process import process
from tests import clips
from tests import independent_reader as reader
from tests.clips import Clip
from tests.system.nodes import MODEL, tiny_model

app = typer.Typer()
app.command()(process)


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> CliRunner:
    cache = tiny_model(tmp_path_factory.mktemp("home") / "cache")
    return CliRunner(env={"NO_COLOR": "1", "SEGFLEET_CACHE": str(cache), "NODE_DEVICE": "cpu"})


def call(runner: CliRunner, *words: str | Path) -> tuple[int, str]:
    result = runner.invoke(app, [str(word) for word in (*words, "--model", MODEL, "--device", "cpu")])
    return result.exit_code, result.output


def picture(path: Path) -> NDArray[np.uint8]:
    found = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    assert found is not None
    return np.asarray(found, np.uint8)


def test_the_sheet_has_nine_frames_and_nothing_else_is_written(runner: CliRunner, tmp_path: Path) -> None:
    source = clips.write(tmp_path / "in" / "a.mp4", Clip(frames=40))
    code, text = call(runner, source, "-b", "color:#20a060", "--preview", tmp_path / "out" / "s.png")
    assert code == 0, text
    assert "9 frames" in text
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["s.png"]
    gap = preview.GAP
    assert picture(tmp_path / "out" / "s.png").shape == (3 * (96 + gap) + gap, 3 * (160 + gap) + gap, 3)


def test_the_sheet_comes_first_and_the_video_after_it(runner: CliRunner, tmp_path: Path) -> None:
    source = clips.write(tmp_path / "a.mp4", Clip(frames=4, width=640, height=360))
    wanted = ("--preview", tmp_path / "s.jpg", "-o", tmp_path / "b.mp4", "--decontaminate")
    code, text = call(runner, source, "-b", "blur", *wanted)
    assert code == 0, text
    assert text.index("s.jpg (4 frames)") < text.index("b.mp4")
    assert picture(tmp_path / "s.jpg").shape[1] == 3 * (preview.LONG_SIDE + preview.GAP) + preview.GAP
    assert len(reader.frame_times(tmp_path / "b.mp4").times) == 4


@pytest.mark.parametrize(
    ("source", "wanted", "sentence"),
    [
        ("a.mp4", (), "--out FILE"),
        ("a.mp4", ("--preview", "sheet.pdf"), "no picture"),
        ("a.png", ("--preview", "sheet.png"), "for videos"),
    ],
)
def test_what_cannot_be_previewed_is_said(
    runner: CliRunner, tmp_path: Path, source: str, wanted: tuple[str, ...], sentence: str
) -> None:
    path = tmp_path / source
    path.write_bytes(b"")
    code, text = call(runner, path, "-b", "blur", *wanted)
    assert (code, sentence in " ".join(text.replace("│", "").split())) == (2, True)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0:00.0"), (7.46, "0:07.5"), (59.96, "1:00.0"), (754, "12:34.0"), (3723, "1:02:03.0")]
)
def test_times_are_read_as_on_a_player(seconds: float, text: str) -> None:
    assert preview.clock(seconds) == text


def test_the_mask_is_a_zip_of_pictures_where_that_is_asked_for(runner: CliRunner, tmp_path: Path) -> None:
    source = clips.write(tmp_path / "a.mp4", Clip(frames=3))
    wanted = ("--outputs", "mask", "--outputs", "composite", "--mask", "png", "-o", tmp_path / "b.mp4")
    code, text = call(runner, source, "-b", "color:#20a060", *wanted)
    assert code == 0, text
    assert str(tmp_path / "b-mask.zip") in text
    with zipfile.ZipFile(tmp_path / "b-mask.zip") as file:
        assert file.namelist() == ["000000.png", "000001.png", "000002.png", "timestamps.txt"]


def test_names_with_brackets_are_told_as_they_are(runner: CliRunner, tmp_path: Path) -> None:
    source = clips.write(tmp_path / "a[/b] [red].mp4", Clip(frames=2))
    code, text = call(runner, source, "-b", "color:#20a060", "-o", tmp_path / "c[/d].mp4")
    assert code == 0, text
    assert "c[/d].mp4" in text
    code, text = call(runner, source, "-b", "x[/y].png", "-o", tmp_path / "c.mp4")
    assert (code, "unsupported_background: There is no background x[/y].png" in text) == (1, True)
