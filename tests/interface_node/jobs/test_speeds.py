"""What `segfleet bench` found out, as nodes of the machine read it."""

from pathlib import Path

import pytest

from interface_node.engine.providers import CPU, CUDA
from interface_node.jobs import speeds
from interface_node.jobs.pipeline_work import PipelineWork, devices_of
from interface_node.jobs.speeds import Speed

SIZES = {"360p": (640, 360), "720p": (1280, 720), "1080p": (1920, 1080)}


def speed(fps: float, size: str = "720p", provider: str = CPU, version: str = "", model: str = "selfie") -> Speed:
    width, height = SIZES[size]
    software = version or speeds.software_version()
    return Speed(model=model, width=width, height=height, fps=fps, provider=provider, software_version=software)


def test_what_is_kept_is_read_again_and_a_new_trial_replaces_the_old_one(tmp_path: Path) -> None:
    speeds.keep(tmp_path, [speed(90, "360p"), speed(40)])
    speeds.keep(tmp_path, [speed(50), speed(9, model="large")])
    assert set(speeds.read(tmp_path, CPU)) == {speed(90, "360p"), speed(50), speed(9, model="large")}


def test_another_provider_and_another_version_have_other_speeds(tmp_path: Path) -> None:
    speeds.keep(tmp_path, [speed(400, provider=CUDA), speed(40)])
    assert speeds.read(tmp_path, CPU) == (speed(40),)
    assert speeds.read(tmp_path, CUDA) == (speed(400, provider=CUDA),)
    speeds.keep(tmp_path, [speed(7, "360p", version="0.0.1")])
    assert speed(7, "360p", version="0.0.1") not in speeds.read(tmp_path, CPU)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"speeds": [{"model": "selfie", "fps": "fast"}]}', "\x00"])
def test_a_damaged_file_is_taken_for_none_and_mended_by_the_next_trial(tmp_path: Path, text: str) -> None:
    speeds.place(tmp_path).write_text(text)
    assert speeds.read(tmp_path, CPU) == ()
    speeds.keep(tmp_path, [speed(40)])
    assert speeds.read(tmp_path, CPU) == (speed(40),)


def test_the_registry_is_told_the_speed_at_the_size_that_is_nearest_to_720p() -> None:
    found = speeds.usual([speed(90, "360p"), speed(40), speed(20, "1080p"), speed(30, "360p", model="large")])
    assert found == {"selfie": 40, "large": 30}


def test_a_node_tells_it_under_every_name_of_the_model(tmp_path: Path, selfie_path: Path) -> None:
    copied = tmp_path / "models" / "files" / selfie_path.name
    copied.parent.mkdir(parents=True)
    copied.write_bytes(selfie_path.read_bytes())
    before = PipelineWork(tmp_path, devices_of("cpu")).models()
    speeds.keep(tmp_path, [speed(40)])
    after = PipelineWork(tmp_path, devices_of("cpu")).models()
    assert {model.speed_fps for model in before} == {None}
    assert {model.name: model.speed_fps for model in after if "selfie" in model.name}["selfie-256"] == 40
    assert {model.name: model.speed_fps for model in after}["selfie"] == 40
