"""Our alpha of real frames against the model's own runtime, for both matrices that videos are made with.

The frames are written anew by the ffmpeg program with the matrix and its tag, and read back by it for the oracle: it
makes RGB by the tag. What is compared is the alpha before any encoding, at the model's size.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

from interface_node.engine.session import ModelSession
from interface_node.pipeline.frames import conform
from interface_node.pipeline.segmenter import FrameSegmenter
from interface_node.pipeline.source import open_source
from tests import independent_reader as reader

Mask = NDArray[np.float32]
SIZES = {"sample_clip": (176, 144), "juggle": (1280, 720)}
NUMBERS = {"bt709": 1, "smpte170m": 6}


def written_with(matrix: str, source: Path, target: Path, every: int, tag: str | None = None) -> Path:
    """Every so many frames of `source`, nearly lossless, converted to `matrix` and tagged with it, or with `tag`."""
    told = tag or matrix
    turned = f"select=not(mod(n\\,{every})),scale=out_color_matrix={matrix}:out_range=tv,setparams=colorspace={told}"
    words = ["-fps_mode", "passthrough", "-c:v", "libx264", "-preset", "ultrafast", "-qp", "4", "-pix_fmt", "yuv420p"]
    program = str(imageio_ffmpeg.get_ffmpeg_exe())
    command = [program, "-v", "error", "-y", "-i", str(source), "-vf", turned, *words, "-colorspace", told, str(target)]
    subprocess.run(command, check=True)
    return target


def ours_of(path: Path, session: ModelSession, space: int) -> Mask:
    """Our alpha, `float32 [n, 256, 256]`; the file must be tagged with `space`."""
    with open_source(path) as source:
        assert source.geometry.colour.space == space
        segmenter = FrameSegmenter(session.segmenter(), source.geometry)
        found = [segmenter.alpha(conform(frame, source.geometry)) for frame, _ in source.frames]
    return np.stack(found).astype(np.float32) / np.float32(255)


def theirs_of(path: Path, size: tuple[int, int], oracle: Callable[[Mask], Mask]) -> Mask:
    """The original runtime's alpha of the frames as the ffmpeg program shows them, shrunk by area."""
    frames = [cv2.resize(frame, (256, 256), interpolation=cv2.INTER_AREA) for frame in reader.rgb_frames(path, size)]
    return np.stack([oracle(np.asarray(one, np.float32).transpose(2, 0, 1) / np.float32(255)) for one in frames])


def apart(ours: Mask, theirs: Mask) -> tuple[float, float]:
    """The mean difference of two alphas, 0..1, and how far their masks overlap (IoU)."""
    one, other = ours >= 0.5, theirs >= 0.5
    return float(np.abs(ours - theirs).mean()), float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m"])
@pytest.mark.parametrize(("name", "every"), [("sample_clip", 3), ("juggle", 8)])
def test_the_alpha_of_real_frames_is_the_original_runtimes_for_either_matrix(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    selfie: ModelSession,
    oracle: Callable[[Mask], Mask],
    name: str,
    every: int,
    matrix: str,
) -> None:
    path = written_with(matrix, request.getfixturevalue(name), tmp_path / "tagged.mp4", every)
    ours, theirs = ours_of(path, selfie, NUMBERS[matrix]), theirs_of(path, SIZES[name], oracle)
    assert ours.shape == theirs.shape
    mean, overlap = apart(ours, theirs)
    assert mean <= 1 / 255
    assert overlap >= 0.99


def test_the_matrix_matters_so_the_tag_is_what_is_followed(
    juggle: Path, tmp_path: Path, selfie: ModelSession, oracle: Callable[[Mask], Mask]
) -> None:
    right = written_with("bt709", juggle, tmp_path / "right.mp4", 8)
    wrong = written_with("bt709", juggle, tmp_path / "wrong.mp4", 8, tag="smpte170m")
    theirs = theirs_of(right, SIZES["juggle"], oracle)
    followed, ignored = ours_of(right, selfie, 1), ours_of(wrong, selfie, 6)
    assert apart(followed, theirs)[0] < apart(ignored, theirs)[0]
