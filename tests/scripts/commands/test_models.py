"""`segfleet models` with a model of one's own, as a person at a terminal sees it."""

import hashlib
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from scripts.commands.models import app
from tests import clips
from tests.interface_node.engine import graphs

MANIFEST = """
id = "mine"
title = "A model of my own"
licence = "MIT"
commercial = true
commercial_note = "Trained on my own pictures."
[source]
{source}
[interface]
warmup_frames = 8
[interface.input]
name = "src"
width = 64
height = 48
{resize}
[interface.output]
name = "pha"
[interface.constants]
downsample_ratio = 1.0
"""


@pytest.fixture
def runner(tmp_path: Path) -> CliRunner:
    return CliRunner(env={"COLUMNS": "250", "NO_COLOR": "1", "SEGFLEET_CACHE": str(tmp_path / "cache")})


def own(tmp_path: Path, source: str = "", shape: str = "", resize: str = "") -> Path:
    """A manifest beside its model; `source` instead of that file, `shape` added to a state, `resize` to the input."""
    weights = graphs.recurrent(tmp_path / "mine.onnx")
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    states = [f'[[interface.states]]\ninput = "r{n}i"\noutput = "r{n}o"\n{shape}\n' for n in range(1, 5)]
    text = MANIFEST.format(source=source or f'kind = "file"\npath = "mine.onnx"\nsha256 = "{sha256}"', resize=resize)
    path = tmp_path / "mine.toml"
    path.write_text(text + "\n".join(states), encoding="utf-8")
    return path


def call(runner: CliRunner, *words: str | Path) -> tuple[int, str]:
    result = runner.invoke(app, [str(word) for word in words])
    return result.exit_code, " ".join(result.output.split())


def test_a_model_of_ones_own_is_checked_before_it_is_installed(runner: CliRunner, tmp_path: Path) -> None:
    picture, mask = clips.still(tmp_path / "a.png"), tmp_path / "mask.png"
    words = ("--picture", picture, "--out", mask, "--frames", "3", "--device", "cpu")
    code, text = call(runner, "check", own(tmp_path), *words)
    assert code == 0, text
    for fact in (
        "src float[batch_size, 3, height, width]",
        "downsample_ratio float[1]",
        "fgr float[batch_size, 3, height, width], not used",
        "pha float[batch_size, 1, height, width] ",
        "CPUExecutionProvider (cpu)",
        "at 64x48, the median of 3",
        "MIT. Trained on my own pictures.",
    ):
        assert fact in text
    assert re.search(r"\d+\.\d ms at", text)
    written = cv2.imread(str(mask), cv2.IMREAD_UNCHANGED)
    assert written is not None
    assert np.asarray(written).shape == (48, 64)


@pytest.mark.parametrize(
    ("resize", "shape"),
    [('resize = "pad"', (38, 64)), ('resize = "free"\nmultiple = 8', (40, 72))],
    ids=["pad", "free"],
)
def test_a_picture_is_shown_in_the_shape_that_the_pipeline_gives_it(
    runner: CliRunner, tmp_path: Path, resize: str, shape: tuple[int, int]
) -> None:
    picture, mask = clips.still(tmp_path / "a.png"), tmp_path / "mask.png"
    words = ("--picture", picture, "--out", mask, "--frames", "1", "--device", "cpu")
    code, text = call(runner, "check", own(tmp_path, resize=resize), *words)
    assert code == 0, text
    written = cv2.imread(str(mask), cv2.IMREAD_UNCHANGED)
    assert written is not None
    assert written.shape == shape


def test_a_model_that_does_not_fit_its_manifest_is_told_what_is_wrong(runner: CliRunner, tmp_path: Path) -> None:
    code, text = call(runner, "check", own(tmp_path, shape="shape = [1, 1]"))
    assert code == 1
    assert "model_invalid: r1i float[batch_size, channels, height, width] does not begin as zeros of [1, 1]" in text


def test_a_wrong_hash_shows_the_right_one(runner: CliRunner, tmp_path: Path) -> None:
    wrong = f'kind = "file"\npath = "mine.onnx"\nsha256 = "{"0" * 64}"'
    code, text = call(runner, "check", own(tmp_path, wrong))
    assert code == 1
    assert f"mine.onnx has sha256 {hashlib.sha256((tmp_path / 'mine.onnx').read_bytes()).hexdigest()}" in text


def test_what_would_have_to_be_downloaded_is_not_checked_unasked(runner: CliRunner) -> None:
    code, text = call(runner, "check", "u2netp")
    assert code == 1
    assert "run: segfleet models pull u2netp" in text


def test_a_model_without_a_hash_is_pulled_only_on_trust(runner: CliRunner, tmp_path: Path) -> None:
    manifest = own(tmp_path, 'kind = "url"\nurl = "https://127.0.0.1:9/mine.onnx"')
    words = ("pull", manifest, "--from", tmp_path / "mine.onnx")
    code, text = call(runner, *words)
    assert code == 1
    assert "--trust-on-first-use" in text
    code, text = call(runner, *words, "--trust-on-first-use")
    assert code == 0, text
    assert "first-use-" in text
    assert call(runner, "check", manifest, "--frames", "1")[0] == 0
    assert "unknown: taken on trust, at its first use" in call(runner, "info", manifest)[1]


def test_the_list_shows_what_a_model_costs_and_whether_it_is_here(runner: CliRunner) -> None:
    lines = runner.invoke(app, ["list"]).output.splitlines()
    isnet = next(line for line in lines if "isnet" in line)
    assert [cell.strip() for cell in isnet.split("│")][1:7] == ["isnet", "1024x1024", "Apache-2.0", "no", "178.6", "no"]
    assert "DIS5K" in call(runner, "info", "isnet")[1]
