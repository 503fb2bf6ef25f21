"""Real footage through the real model: the mask is the original runtime's, the person stays, the background goes."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from interface_node.engine.session import ModelSession
from interface_node.pipeline.frames import conform
from interface_node.pipeline.run import run
from interface_node.pipeline.segmenter import FrameSegmenter
from interface_node.pipeline.source import open_source, scan
from interface_node.pipeline.spec import Picture, RunSpec
from protocol.states import Output
from scripts import samples
from tests import independent_reader as reader

Mask = NDArray[np.float32]


def masks(path: Path, session: ModelSession, every: int) -> list[NDArray[np.uint8]]:
    """Our alpha at the model's size, before any encoding, of every so many frames."""
    with open_source(path) as source:
        segmenter = FrameSegmenter(session.segmenter(), source.geometry)
        return [
            segmenter.alpha(conform(frame, source.geometry))
            for index, (frame, _) in enumerate(source.frames)
            if index % every == 0
        ]


def shrunk(picture: NDArray[np.uint8]) -> Mask:
    """`[h, w, 3]` -> `float32 [3, 256, 256]`, 0..1, by area."""
    small = cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32).transpose(2, 0, 1) / np.float32(255)


@pytest.mark.parametrize(("name", "size", "every"), [("sample_clip", (176, 144), 1), ("juggle", (1280, 720), 8)])
def test_the_mask_is_that_of_the_original_runtime_on_an_independent_readers_frames(
    request: pytest.FixtureRequest,
    selfie: ModelSession,
    oracle: Callable[[Mask], Mask],
    name: str,
    size: tuple[int, int],
    every: int,
) -> None:
    path: Path = request.getfixturevalue(name)
    ours = np.stack(masks(path, selfie, every)) >= 128
    theirs = np.stack([oracle(shrunk(frame)) for frame in reader.rgb_frames(path, size, every)]) >= 0.5
    assert ours.shape == theirs.shape
    both, either = (ours & theirs).sum(axis=(1, 2)), (ours | theirs).sum(axis=(1, 2))
    assert both.sum() / either.sum() >= 0.99
    assert (both / either).min() >= 0.97


def test_a_talking_head_keeps_its_frames_and_gets_a_new_background(
    sample_clip: Path, cache: Path, selfie: ModelSession, tmp_path: Path
) -> None:
    outcome = judge(sample_clip, samples.background(cache), selfie, tmp_path, (176, 144))
    assert outcome.times == reader.frame_times(sample_clip).times
    assert len(outcome.times) == 120
    assert outcome.person <= 12
    assert outcome.background <= 12


@pytest.mark.slow
def test_a_person_outdoors_in_720p_keeps_his_frames_and_gets_a_new_background(
    juggle: Path, cache: Path, selfie: ModelSession, tmp_path: Path
) -> None:
    outcome = judge(juggle, samples.background(cache), selfie, tmp_path, (1280, 720))
    assert outcome.times == reader.frame_times(juggle).times
    assert len(outcome.times) == 247
    assert outcome.person <= 12
    assert outcome.background <= 12


class Outcome(NamedTuple):
    """When the frames are shown, and the worst mean difference of a frame to what must be seen there, 0..255."""

    times: list[Fraction]
    person: float
    background: float


def judge(source: Path, background: Path, session: ModelSession, folder: Path, size: tuple[int, int]) -> Outcome:
    """Compare with the source inside the eroded mask and with the background outside the dilated one."""
    outputs = {Output.COMPOSITE: folder / "c.mp4", Output.MASK: folder / "m.mp4"}
    spec = RunSpec(source, Picture(background), outputs, range=scan(source).whole())
    run(spec, session.segmenter(), lambda progress: None, lambda: False)
    before, after, mask = (reader.rgb_frames(path, size, 20) for path in (source, folder / "c.mp4", folder / "m.mp4"))
    behind = expected_background(background, size)
    kernel = np.ones((size[1] // 24 | 1, size[1] // 24 | 1), np.uint8)
    kept = [cv2.erode(grey[:, :, 0], kernel) > 250 for grey in mask]
    gone = [cv2.dilate(grey[:, :, 0], kernel) < 5 for grey in mask]
    assert min(area.sum() for area in (*kept, *gone)) > 500
    person = max(np.abs(a.astype(int) - b)[area].mean() for a, b, area in zip(after, before, kept, strict=True))
    rest = max(np.abs(a.astype(int) - behind)[area].mean() for a, area in zip(after, gone, strict=True))
    return Outcome(reader.frame_times(folder / "c.mp4").times, float(person), float(rest))


def expected_background(path: Path, size: tuple[int, int]) -> NDArray[np.int64]:
    """The 16:9 picture cropped to the frame's shape around its middle, as stored (pixels are taken as they are)."""
    picture = cv2.cvtColor(np.asarray(cv2.imread(str(path)), np.uint8), cv2.COLOR_BGR2RGB)
    aspect = size[0] / size[1] * (128 / 117 if size == (176, 144) else 1)
    width = round(picture.shape[0] * aspect)
    left = (picture.shape[1] - width) // 2
    return np.asarray(cv2.resize(picture[:, left : left + width], size, interpolation=cv2.INTER_AREA), np.int64)
