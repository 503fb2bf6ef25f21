"""Commands call their results what they are, and do not write over what they read."""

import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from protocol.states import Output
from protocol.work import Encoding
from scripts.commands import places
from scripts.commands.process import process
from scripts.commands.submit import named, targets_of
from scripts.refusal import Refusal
from tests import clips

app = typer.Typer()
app.command()(process)
FOREGROUND = ["--outputs", "foreground"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Videos and pictures, none of which may be changed; the working folder."""
    clips.write(tmp_path / "a.mp4")
    shutil.copyfile(tmp_path / "a.mp4", tmp_path / "b-mask.mp4")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "a.mp4")
    clips.still(tmp_path / "me.jpg")
    clips.still(tmp_path / "you-foreground.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(source: str, background: str, *words: str) -> str:
    """What `segfleet process` says, in one line and without a frame around it."""
    runner = CliRunner(env={"COLUMNS": "400", "NO_COLOR": "1"})
    result = runner.invoke(app, [source, "-b", background, *words])
    assert result.exit_code == 2, result.output
    return result.output


@pytest.mark.parametrize(
    ("source", "background", "words", "whose"),
    [
        ("a.mp4", "blur", ["-o", "a.mp4"], "source"),
        ("link.mp4", "blur", ["-o", "a.mp4"], "source"),
        ("a.mp4", "b-mask.mp4", ["-o", "b-mask.mp4"], "background"),
        ("b-mask.mp4", "blur", ["-o", "b.mp4", "--outputs", "mask"], "source"),
        ("me.jpg", "blur", ["-o", "me.jpg"], "source"),
        ("me.jpg", "you-foreground.png", ["-o", "you.jpg", *FOREGROUND], "background"),
        ("a.mp4", "me.jpg", ["--preview", "me.jpg"], "background"),
    ],
)
def test_a_result_does_not_take_the_place_of_what_it_is_made_from(
    folder: Path, source: str, background: str, words: list[str], whose: str
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert f"is the {whose} itself" in refused(source, background, *words)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("source", "out"),
    [("a.mp4", "out.webm"), ("a.mp4", "out.mov"), ("a.mp4", "frame.png"), ("a.mp4", "out"), ("me.jpg", "me.mp4")],
)
def test_a_result_is_not_called_what_it_is_not(folder: Path, source: str, out: str) -> None:
    before = set(folder.iterdir())
    assert "would not be what its name says" in refused(source, "blur", "-o", out)
    assert set(folder.iterdir()) == before


def test_a_picture_among_the_masks_is_no_video() -> None:
    with pytest.raises(places.Misplaced, match=r"a video becomes \.mkv, \.mp4 or \.zip"):
        places.of_video(Path("frame.png"), [Output.MASK], Encoding(), "png")


def test_what_lies_beside_the_composite_is_called_what_it_is() -> None:
    outputs = list(Output)
    video = places.of_video(Path("a/out.mkv"), outputs, Encoding(foreground="prores"), "png")
    assert {path.name for path in video.values()} == {"out.mkv", "out-mask.zip", "out-foreground.mov"}
    assert places.of_video(Path("c.webm"), [Output.FOREGROUND], Encoding()) == {
        Output.FOREGROUND: Path("c-foreground.webm")
    }
    picture = places.of_picture(Path("c.jpeg"), outputs)
    assert {path.name for path in picture.values()} == {"c.jpeg", "c-mask.jpeg", "c-foreground.png"}


@pytest.mark.parametrize(
    ("out", "background", "sentence"),
    [
        ("a.mp4", "blur", "a.mp4 is the source itself; give the result another name."),
        ("b-mask.mp4", "b-mask.mp4", "b-mask.mp4 is the background itself; give the result another name."),
        ("c.webm", "blur", "c.webm would not be what its name says: a video becomes .mkv or .mp4."),
        ("no/c.mp4", "blur", "There is no folder no."),
    ],
)
def test_submit_refuses_such_names_before_anything_is_sent(
    folder: Path, out: str, background: str, sentence: str
) -> None:
    assert folder.is_dir()
    with pytest.raises(Refusal) as caught:
        targets_of(Path(out), Path("a.mp4"), background, [Output.COMPOSITE], Encoding())
    assert str(caught.value) == sentence


def test_in_a_folder_every_result_of_submit_has_its_outputs_name(folder: Path) -> None:
    found = targets_of(folder, Path("a.mp4"), "blur", [Output.COMPOSITE, Output.MASK], Encoding())
    assert found == {"composite": folder / "a-composite.mp4", "mask": folder / "a-mask.mp4"}


def test_submit_saves_a_result_under_the_suffix_of_what_it_is(folder: Path) -> None:
    assert named(folder / "out.mp4", "video/mp4") == folder / "out.mp4"
    assert named(folder / "out.mp4", "video/x-matroska") == folder / "out.mkv"
    assert named(folder / "a.mkv", "video/mp4") == folder / "a.mkv.mp4", "a.mp4 is the source"
