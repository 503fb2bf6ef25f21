"""Better masks: holes are filled, what stands still does not flicker, what moves leaves no trace, edges fit."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from interface_node.pipeline.edges import refined
from interface_node.pipeline.holes import filled
from interface_node.pipeline.run import run
from interface_node.pipeline.smoothing import Seen, smoothed
from interface_node.pipeline.spec import Plain, RunSpec
from protocol.states import Output
from protocol.work import Encoding, FrameRange, Refinement
from tests import clips
from tests import independent_reader as reader
from tests.clips import Clip
from tests.fakes.segmenters import Halves
from tests.interface_node.pipeline.segments import ranges

Bytes = NDArray[np.uint8]
FRAME = VideoFrame(16, 16, "yuv420p")


def body() -> Bytes:
    """A person of 120x160 pixels."""
    mask = np.zeros((256, 256), np.uint8)
    mask[60:220, 60:180] = 255
    return mask


def test_a_small_hole_is_filled_with_its_rim_and_an_arms_loop_stays() -> None:
    mask = body()
    mask[100:150, 70:100] = 0
    mask[60:75, 140:150] = 0
    torn = mask.copy()
    torn[170:178, 120:128] = 0
    torn[169, 119:129] = torn[178, 119:129] = 160
    assert np.array_equal(filled(torn), mask)
    assert filled(mask) is mask
    nobody = np.zeros((8, 8), np.uint8)
    assert filled(nobody) is nobody


def smooth(alphas: Sequence[Bytes], pictures: Sequence[Bytes]) -> list[Bytes]:
    """Masks after smoothing; chroma says nothing."""
    grey = np.full_like(pictures[0], 128)
    seen = (Seen(FRAME, True, alpha, [luma, grey, grey]) for alpha, luma in zip(alphas, pictures, strict=True))
    return [one.alpha for one in smoothed(seen)]


def energy(masks: Sequence[Bytes]) -> float:
    """The mean squared change from frame to frame."""
    return float(np.mean(np.square(np.diff(np.stack(masks).astype(np.float64), axis=0))))


def test_the_flicker_of_a_still_person_falls_to_a_tenth() -> None:
    random = np.random.default_rng(4)
    picture = random.integers(20, 230, (96, 96), np.uint8)
    steady = cv2.GaussianBlur(np.pad(np.full((48, 48), 255, np.uint8), 24), (0, 0), 4)
    flickers = [np.clip(steady + random.normal(0, 20, steady.shape), 0, 255).astype(np.uint8) for _ in range(24)]
    noisy = [np.clip(picture + random.normal(0, 1, picture.shape), 0, 255).astype(np.uint8) for _ in range(24)]
    made = smooth(flickers, noisy)
    assert len(made) == 24
    assert energy(made) < energy(flickers) / 10


@pytest.mark.parametrize("step", [3, 12])
def test_a_moving_hand_keeps_its_own_mask_and_leaves_no_ghost(step: int) -> None:
    alphas, pictures = [], []
    for number in range(12):
        alpha, picture = np.zeros((64, 192), np.uint8), np.full((64, 192), 60, np.uint8)
        left = 8 + step * number
        alpha[20:44, left : left + 24], picture[20:44, left : left + 24] = 255, 180
        alphas.append(alpha)
        pictures.append(picture)
    for before, after in zip(alphas, smooth(alphas, pictures), strict=True):
        assert np.abs(before.astype(int) - after).max() <= 1


def test_another_scene_takes_nothing_from_the_one_before() -> None:
    dark, light = np.full((32, 32), 30, np.uint8), np.full((32, 32), 200, np.uint8)
    nobody, somebody = np.zeros((32, 32), np.uint8), np.full((32, 32), 255, np.uint8)
    alphas = [nobody] * 4 + [somebody] * 4
    assert np.array_equal(smooth(alphas, [dark] * 4 + [light] * 4), alphas)


class Flickering(Halves):
    """The person's opacity is another one in each picture, and depends on that picture alone."""

    def alpha(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        """Half of the picture."""
        mask = super().alpha(rgb)
        return mask * np.float32(0.5 + float(rgb.sum() * 7 % 1) / 2)


def masks_of(path: Path, target: Path, wanted: FrameRange) -> NDArray[np.float64]:
    """What a smoothed run writes as its mask, `[frames, h, w]`."""
    spec = RunSpec(path, Plain(0, 0, 0), {Output.MASK: target}, Encoding(crf=0), wanted, Refinement(smooth=True))
    run(spec, Flickering(), lambda _: None, lambda: False)
    return reader.rgb_frames(target, (160, 96), 1)[:, :, :, 0].astype(np.float64)


def test_segments_are_smoothed_as_the_whole_video_is(tmp_path: Path) -> None:
    path = clips.write(tmp_path / "a.mp4", Clip(frames=30))
    whole = masks_of(path, tmp_path / "whole.mp4", ranges(path, [])[0])
    pieces = [masks_of(path, tmp_path / f"{n}.mp4", part) for n, part in enumerate(ranges(path, [1, 11, 29]))]
    joined = np.concatenate(pieces)
    assert joined.shape == whole.shape
    assert np.abs(joined - whole).mean(axis=(1, 2)).max() <= 1


def test_the_steepest_place_of_a_mask_beside_the_edge_moves_to_it() -> None:
    luma = np.full((360, 640), 40, np.uint8)
    luma[:, 320:] = 200
    coarse = np.zeros((128, 128), np.uint8)
    coarse[:, 65:] = 255
    coarse = np.asarray(cv2.GaussianBlur(coarse, (0, 0), 0.8), np.uint8)
    plain = np.diff(np.asarray(cv2.resize(coarse, (640, 360), interpolation=cv2.INTER_LINEAR), np.int64)[180])
    assert plain.argmax() > 320
    for picture in (luma, np.asarray(luma.astype(np.uint16) * 4, np.uint16)):
        made = refined(coarse, picture)
        assert made.shape == (360, 640)
        step = np.diff(made[180].astype(np.int64))
        assert step.argmax() == 319
        assert step.max() > 1.3 * plain.max()
        assert made[:, :160].max() == 0
        assert made[:, 480:].min() == 255


def test_a_mask_without_an_edge_stays_as_it_is() -> None:
    luma = clips.noise(90, 70, 3)[:, :, 0]
    for value in (0, 255):
        assert (refined(np.full((32, 32), value, np.uint8), luma) == value).all()
