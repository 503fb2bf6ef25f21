"""A frame of a video is fitted into another as a picture of the same would be, whatever the two are stored like."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from interface_node.pipeline.background import background_planes
from interface_node.pipeline.frames import Colour, Geometry, planes
from interface_node.pipeline.moving import Player, read_reel
from interface_node.pipeline.moving_fit import fitted, swscale_matrix
from interface_node.pipeline.spec import Picture
from protocol.work import Fit
from tests import clips
from tests.clips import Clip

SD, HD, FULL, WIDE = Colour(1, 5, 6, 6), Colour(1, 1, 1, 1), Colour(2, 1, 1, 1), Colour(1, 9, 9, 14)


def geometry(
    width: int, height: int, rotation: int = 0, sar: Fraction | None = None, colour: Colour = HD, deep: bool = False
) -> Geometry:
    """How a video is stored."""
    return Geometry(width, height, rotation, None, sar, "yuv420p10le" if deep else "yuv420p", colour)


def seen(own: Geometry, folder: Path) -> tuple[Path, VideoFrame]:
    """A picture as people see it, as a file, and the same as a frame that is stored as `own` says."""
    stored = smooth(own.width, own.height)
    frame = shown(stored, own)
    square = cv2.resize(stored, (round(own.width * float(own.sar or 1)), own.height), interpolation=cv2.INTER_LINEAR)
    path = folder / "seen.png"
    cv2.imwrite(str(path), np.ascontiguousarray(np.rot90(square, own.quarters)[:, :, ::-1]))
    return path, frame


def shown(stored: NDArray[np.uint8], own: Geometry) -> VideoFrame:
    """`uint8 [h, w, 3]` as a frame that is stored as `own` says."""
    frame = VideoFrame.from_ndarray(stored, "rgb24").reformat(
        format=own.pixels, dst_colorspace=swscale_matrix(own.colour), dst_color_range=2 if own.colour.full else 1
    )
    frame.pts, frame.time_base = 0, Fraction(1, 24)
    return frame


def smooth(width: int, height: int) -> NDArray[np.uint8]:
    """`uint8 [h, w, 3]`: colours that run in other ways across and down, so that no turn looks like another."""
    x, y = np.linspace(0, 1, width), np.linspace(0, 1, height)
    red, green = np.meshgrid(40 + 170 * x, 200 - 150 * y)
    return np.dstack([red, green, np.full_like(red, 90)]).astype(np.uint8)


CASES = {
    "alike": (geometry(160, 96), geometry(160, 96)),
    "smaller": (geometry(320, 180), geometry(160, 96)),
    "larger": (geometry(80, 60), geometry(160, 96)),
    "odd": (geometry(121, 77), geometry(163, 97)),
    "portrait behind landscape": (geometry(96, 160), geometry(160, 96)),
    "turned": (geometry(160, 96, rotation=90), geometry(160, 96)),
    "upside down": (geometry(160, 96, rotation=180), geometry(160, 96)),
    "behind a turned source": (geometry(160, 120), geometry(160, 96, rotation=-90)),
    "both turned": (geometry(160, 120, rotation=-90), geometry(160, 96, rotation=90)),
    "wide pixels": (geometry(90, 96, sar=Fraction(16, 9)), geometry(160, 96)),
    "behind wide pixels": (geometry(160, 96), geometry(90, 96, sar=Fraction(16, 9))),
    "wide pixels, turned": (geometry(90, 96, rotation=90, sar=Fraction(16, 9)), geometry(160, 96)),
    "601 in 709": (geometry(160, 96, colour=SD), geometry(160, 96)),
    "709 in 601": (geometry(160, 96), geometry(160, 96, colour=SD)),
    "full in limited": (geometry(160, 96, colour=FULL), geometry(160, 96)),
    "limited in full": (geometry(160, 96, colour=SD), geometry(160, 96, colour=FULL)),
    "ten bits in eight": (geometry(160, 96, deep=True), geometry(160, 96)),
    "eight bits in ten": (geometry(160, 96), geometry(160, 96, deep=True)),
    "709 in 2020, ten bits": (geometry(100, 96, deep=True), geometry(160, 96, colour=WIDE, deep=True)),
}


@pytest.mark.parametrize("fit", ["cover", "contain", "stretch"])
@pytest.mark.parametrize("case", CASES)
def test_a_frame_is_fitted_as_a_picture_of_it_would_be(tmp_path: Path, case: str, fit: Fit) -> None:
    own, target = CASES[case]
    path, frame = seen(own, tmp_path)
    expected, made = background_planes(Picture(path, fit), target), fitted(frame, own, fit, target)
    for wanted, plane in zip(expected, made, strict=True):
        assert (plane.shape, plane.dtype) == (wanted.shape, wanted.dtype)
        scale = 4 if plane.dtype == np.uint16 else 1
        difference = np.abs(plane.astype(int) - wanted) / scale
        # bars may begin a sample or two earlier: they lie on even samples
        assert np.quantile(difference, 0.93) <= 4, difference.mean()
        assert difference.mean() < 4


def test_what_is_alike_is_not_copied() -> None:
    alike = geometry(160, 96)
    frame = shown(smooth(160, 96), alike)
    for plane, stored in zip(fitted(frame, alike, "cover", alike), planes(frame), strict=True):
        assert np.shares_memory(plane, stored)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("deep", [False, True])
def test_bars_are_black_in_the_colours_of_the_source(full: bool, deep: bool) -> None:
    target = geometry(160, 96, colour=FULL if full else HD, deep=deep)
    own = geometry(96, 160)
    frame = shown(smooth(96, 160), own)
    made = fitted(frame, own, "contain", target)
    scale = 4 if deep else 1
    corners = [int(plane[0, 0]) for plane in made]
    assert corners == [0 if full else 16 * scale, 128 * scale, 128 * scale]


@pytest.mark.parametrize(
    ("name", "clip"),
    [
        ("a.mp4", Clip(rotation=90)),
        ("a.mov", Clip(codec="prores_ks", pixels="yuv422p10le")),
        ("b.mov", Clip(codec="qtrle", pixels="rgb24")),
        ("c.mov", Clip(codec="prores_ks", pixels="yuva444p10le")),
        ("a.mkv", Clip(codec="ffv1", pixels="yuv444p")),
        ("b.mkv", Clip(codec="ffv1", pixels="yuv422p")),
        ("a.webm", Clip(codec="libvpx-vp9", width=161, height=97)),
    ],
)
def test_whatever_a_decoder_gives_is_fitted(tmp_path: Path, name: str, clip: Clip) -> None:
    path = clips.write(tmp_path / name, clip)
    player = Player(path, read_reel(path))
    try:
        frame, own = player.frame(3)
        made = fitted(frame, own, "stretch", geometry(80, 48))
        luma = np.rot90(clips.picture(clip.width, clip.height, 3), own.quarters) @ np.array([0.2126, 0.7152, 0.0722])
        small = cv2.resize(luma, (80, 48), interpolation=cv2.INTER_AREA)
        shown = (made[0].astype(float) - 16) * 255 / 219
        assert np.corrcoef(small.ravel(), shown.ravel())[0, 1] > 0.99
        assert np.abs(small - shown).mean() < 3
    finally:
        player.close()


def test_what_can_be_seen_through_is_black() -> None:
    rgba = np.full((96, 160, 4), (200, 200, 200, 255), np.uint8)
    rgba[:, 40:80, 3] = 128
    rgba[:, 80:, 3] = 0
    frame = VideoFrame.from_ndarray(rgba, "rgba").reformat(format="yuva420p")
    frame.pts, frame.time_base = 0, Fraction(1, 24)
    luma = fitted(frame, geometry(160, 96), "cover", geometry(160, 96))[0][50, 20::40]
    assert np.abs(luma.astype(int) - [188, 102, 16, 16]).max() <= 3
