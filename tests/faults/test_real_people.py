"""The real default model on real footage, through the whole service: frames, times, the person, the background."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from interface_node.errors import DownloadFailed
from interface_node.models import catalogue, store
from interface_node.settings import from_environment
from scripts import samples
from tests import independent_reader as reader
from tests.faults.fleet import Fleet
from tests.system.nodes import NodeProcess
from tests.system.programs import ROOT

pytestmark = pytest.mark.timeout(600)

SHARED = ROOT.parent / "shared" / "data"
SAMPLE, JUGGLE = (176, 144), (1280, 720)
SUBMIT_S = 400
Frames = NDArray[np.uint8]


@pytest.fixture(scope="module")
def cache() -> Path:
    """$SEGFLEET_CACHE with the default model in it."""
    environment = {name: os.environ[name] for name in ("SEGFLEET_CACHE",) if name in os.environ}
    found = from_environment(environment=environment).segfleet_cache
    try:
        store.pull(found, catalogue.find(found, "selfie"))
        samples.clip(found)
    except DownloadFailed as error:
        pytest.skip(f"THE DEFAULT MODEL OR THE SAMPLE CLIP CANNOT BE HAD: {error.detail}")
    return found


@pytest.fixture
def real(fleet: Fleet, cache: Path) -> Iterator[NodeProcess]:
    """A node with the real model beside the two others, which do not have it."""
    with fleet.node("node-real", cache) as node:
        node.online(fleet.admin)
        yield node


def submitted(fleet: Fleet, video: Path, background: Path, folder: Path) -> tuple[Path, Path]:
    """`segfleet submit`: the composite and the mask."""
    program = [sys.executable, "-m", "scripts.segfleet", "submit", str(video), "--background", str(background)]
    program += ["--outputs", "composite", "--outputs", "mask", "--out", str(folder / "out.mp4")]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SEGFLEET_URL": fleet.coordinator.url,
        "SEGFLEET_TOKEN": fleet.user.token,
    }
    done = subprocess.run(
        program, cwd=folder, env=environment, capture_output=True, text=True, timeout=SUBMIT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    composite, mask = (Path(line) for line in done.stdout.split())
    return composite, mask


def expected_background(path: Path, size: tuple[int, int]) -> NDArray[np.int64]:
    """The 16:9 picture cropped to the frame's shape around its middle, as stored (pixels are taken as they are)."""
    picture = cv2.cvtColor(np.asarray(cv2.imread(str(path)), np.uint8), cv2.COLOR_BGR2RGB)
    aspect = size[0] / size[1] * (128 / 117 if size == SAMPLE else 1)
    width = round(picture.shape[0] * aspect)
    left = (picture.shape[1] - width) // 2
    return np.asarray(cv2.resize(picture[:, left : left + width], size, interpolation=cv2.INTER_AREA), np.int64)


def worst(after: Frames, before: Frames | NDArray[np.int64], areas: list[NDArray[np.bool_]]) -> float:
    """The worst frame's mean difference inside its area, 0..255. Every area is large enough to say something."""
    assert min(area.sum() for area in areas) > 500
    still = before if before.ndim == 4 else [before] * len(after)
    return max(
        float(np.abs(one.astype(int) - other)[area].mean())
        for one, other, area in zip(after, still, areas, strict=True)
    )


def keeps_the_person_and_replaces_the_rest(
    source: Path, composite: Path, mask: Path, background: Path, size: tuple[int, int], every: int
) -> None:
    """By the independent reader: every frame at its time, the person as he was, the background as it was given."""
    reading = reader.frame_times(composite)
    assert reading.times == reader.frame_times(source).times
    assert reading.complaints == []
    before, after, grey = (reader.rgb_frames(path, size)[::every] for path in (source, composite, mask))
    kernel = np.ones((size[1] // 24 | 1, size[1] // 24 | 1), np.uint8)
    kept = [cv2.erode(one[:, :, 0], kernel) > 250 for one in grey]
    gone = [cv2.dilate(one[:, :, 0], kernel) < 5 for one in grey]
    assert worst(after, before, kept) <= 12
    assert worst(after, expected_background(background, size), gone) <= 12


def test_the_sample_keeps_its_frames_and_its_person_and_gets_a_new_background(
    fleet: Fleet, real: NodeProcess, cache: Path, tmp_path: Path
) -> None:
    source, background = samples.clip(cache), samples.background(cache)
    composite, mask = submitted(fleet, source, background, tmp_path)
    assert len(reader.frame_times(composite).times) == 120
    keeps_the_person_and_replaces_the_rest(source, composite, mask, background, SAMPLE, 10)
    row = real.row(fleet.admin)
    assert row is not None
    assert [model["provider"] for model in row["models"] if model["name"] == "selfie"] == ["CPUExecutionProvider"]


@pytest.mark.slow
def test_a_person_outdoors_in_720p_keeps_his_frames_and_gets_a_new_background(
    fleet: Fleet, real: NodeProcess, cache: Path, tmp_path: Path
) -> None:
    source = SHARED / "juggle.mp4"
    if not source.is_file():
        pytest.skip("THERE IS NO shared/data/juggle.mp4 BESIDE THE REPOSITORY: real 720p footage is not tested")
    background = samples.background(cache)
    composite, mask = submitted(fleet, source, background, tmp_path)
    assert len(reader.frame_times(composite).times) == 247
    keeps_the_person_and_replaces_the_rest(source, composite, mask, background, JUGGLE, 20)
    assert real.program.exit_code is None
