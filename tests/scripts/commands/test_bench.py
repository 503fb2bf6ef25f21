"""`segfleet bench` as an operator sees it, with the real default model."""

import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from interface_node.engine.providers import CPU
from interface_node.errors import DownloadFailed
from interface_node.jobs import speeds
from interface_node.models import catalogue, store
from interface_node.settings import from_environment
from scripts.commands.bench import bench
from scripts.refusal import Refusal

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


def call(cache: Path, *words: str) -> tuple[int, str]:
    runner = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1", "SEGFLEET_CACHE": str(cache)})
    result = runner.invoke(app, [*words, "--device", "cpu", "--seconds", "0.1"])
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
