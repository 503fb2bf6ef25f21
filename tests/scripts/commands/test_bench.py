"""`segfleet bench` as an operator sees it, with the real default model."""

import hashlib
import json
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import typer
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from interface_node.engine.providers import CPU
from interface_node.errors import DownloadFailed
from interface_node.jobs import speeds
from interface_node.models import catalogue, store
from interface_node.settings import from_environment
from scripts.commands.bench import bench, length_of
from scripts.refusal import Refusal
from tests.fakes.segmenters import Everything

BROKEN = """
id = "broken"
title = "Broken"
licence = "MIT"
commercial = true
[source]
kind = "file"
path = "broken.onnx"
sha256 = "{sha256}"
[interface.input]
name = "image"
width = 64
height = 48
[interface.output]
"""
app = typer.Typer()
app.command()(bench)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache with the default model in it and nothing else."""
    usual = from_environment().segfleet_cache
    try:
        found = store.pull(usual, catalogue.find(usual, "selfie"))
    except DownloadFailed as error:
        pytest.skip(f"THE DEFAULT MODEL CANNOT BE HAD: {error.detail}")
    target = tmp_path / "cache" / found.relative_to(usual)
    target.parent.mkdir(parents=True)
    shutil.copyfile(found, target)
    return tmp_path / "cache"


def invoked(cache: Path, *words: str) -> Result:
    runner = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1", "SEGFLEET_CACHE": str(cache)})
    return runner.invoke(app, [*words, "--device", "cpu", "--seconds", "0.1"])


def call(cache: Path, *words: str) -> tuple[int, str]:
    result = invoked(cache, *words)
    if isinstance(result.exception, Refusal):
        raise result.exception
    return result.exit_code, result.output


def test_every_size_is_measured_printed_and_kept_for_the_nodes(cache: Path) -> None:
    code, text = call(cache, "--model", "selfie-256", "--size", "360p", "--size", "720p")
    assert code == 0, text
    found = speeds.read(cache, CPU)
    assert [(one.model, one.width, one.height) for one in found] == [("selfie", 640, 360), ("selfie", 1280, 720)]
    for one in found:
        assert one.fps > 0
        assert f"{one.fps:.1f}" in text
    assert text.count(CPU) == 2


def test_nothing_is_kept_when_that_is_not_wished(cache: Path) -> None:
    code, text = call(cache, "--model", "selfie", "--size", "360p", "--no-keep")
    assert code == 0, text
    assert "640x360" in text
    assert not speeds.place(cache).exists()


def test_a_model_that_fails_costs_the_others_nothing(cache: Path) -> None:
    data = b"no network"
    sha256 = hashlib.sha256(data).hexdigest()
    store_folder = cache / "models" / "files"
    (store_folder / f"{sha256}.onnx").write_bytes(data)
    (cache / "models" / "broken.toml").write_text(BROKEN.format(sha256=sha256), encoding="utf-8")
    code, text = call(cache, "--size", "360p")
    assert code == 1
    assert "640x360" in text
    assert "broken: model_invalid: " in text
    assert "selfie" in {one.model for one in speeds.read(cache, CPU)}


def test_a_slow_model_is_tried_no_longer_than_it_must_be() -> None:
    class Slow(Everything):
        """Takes its time for a frame."""

        def alpha(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
            """As the usual one, later."""
            time.sleep(0.1)
            return super().alpha(rgb)

    assert length_of(Slow(), 0.1) == 2
    assert length_of(Slow(), 0.5) <= 5


def test_speeds_that_cannot_be_kept_are_shown(cache: Path) -> None:
    speeds.place(cache).mkdir()
    result = invoked(cache, "--model", "selfie", "--size", "360p")
    assert isinstance(result.exception, Refusal)
    assert re.search(r"not kept: .*speeds\.json cannot be written", str(result.exception))
    assert "640x360" in result.output


def test_without_a_model_on_the_machine_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="segfleet models pull"):
        call(tmp_path / "empty")


def test_a_name_that_is_no_models_is_refused(cache: Path) -> None:
    with pytest.raises(Refusal, match="unknown_model"):
        call(cache, "--model", "nobody", "--size", "360p")


def test_the_file_can_be_read_by_people(cache: Path) -> None:
    call(cache, "--model", "selfie", "--size", "360p")
    (entry,) = json.loads(speeds.place(cache).read_text())["speeds"]
    assert entry.keys() == {"model", "width", "height", "fps", "provider", "software_version"}
