"""A picture is fitted into the frame as it will be seen, not as it is stored."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from interface_node.errors import UnsupportedBackground
from interface_node.pipeline.background import background_planes, paint
from interface_node.pipeline.frames import Colour, Geometry
from interface_node.pipeline.spec import (
    Backdrop,
    Blur,
    Gradient,
    Movie,
    Picture,
    Plain,
    Transparent,
    backdrop,
    check_alpha,
    plain,
)
from protocol.states import Output
from protocol.work import (
    BlurBackground,
    ColorBackground,
    Fit,
    GradientBackground,
    ImageBackground,
    ImageFormat,
    Source,
    TransparentBackground,
    VideoBackground,
)

PIXELS = ("yuv420p", "yuv420p10le")
SOURCE = Source(url="/f", etag="e", sha256="0" * 64, size=1)


@pytest.fixture
def thirds(tmp_path: Path) -> Path:
    """A picture of 300 x 100: red, green and blue from left to right."""
    pixels = np.zeros((100, 300, 3), np.uint8)
    for index in range(3):
        pixels[:, index * 100 : index * 100 + 100, 2 - index] = 255
    path = tmp_path / "thirds.png"
    cv2.imwrite(str(path), pixels)
    return path


def colours(row: NDArray[np.uint8]) -> str:
    """A row of pixels as letters, repetitions dropped: `rgb`, `-` for black."""
    letters = ["-" if pixel.max() < 40 else "rgb"[int(pixel.argmax())] for pixel in row]
    return "".join(letter for index, letter in enumerate(letters) if index == 0 or letters[index - 1] != letter)


@pytest.mark.parametrize(
    ("fit", "size", "across", "down"),
    [
        ("cover", (100, 100), "g", "g"),
        ("cover", (300, 50), "rgb", "g"),
        ("contain", (300, 300), "rgb", "-g-"),
        ("contain", (600, 100), "-rgb-", "g"),
        ("stretch", (90, 300), "rgb", "g"),
    ],
)
def test_fits_crop_pad_or_distort(thirds: Path, fit: Fit, size: tuple[int, int], across: str, down: str) -> None:
    picture = paint(Picture(thirds, fit), *size)
    assert picture.shape == (size[1], size[0], 3)
    assert colours(picture[size[1] // 2]) == across
    assert colours(picture[:, size[0] // 2]) == down


def test_cover_goes_by_the_shape_that_is_seen_when_pixels_are_not_square(thirds: Path) -> None:
    # 100 x 100 pixels, each three times as wide as high, are seen as 3:1: the whole picture.
    assert colours(paint(Picture(thirds), 100, 100, display_aspect=3.0)[50]) == "rgb"


def geometry(width: int, height: int, rotation: int = 0, sar: Fraction | None = None) -> Geometry:
    return Geometry(width, height, rotation, None, sar, "yuv420p", Colour(1, 1, 1, 1))


def test_the_background_of_a_rotated_video_is_turned_as_the_video_is_stored(thirds: Path) -> None:
    luma = background_planes(Picture(thirds, "stretch"), geometry(64, 96, rotation=90))[0]
    assert luma.shape == (96, 64)
    # Upright: red, green, blue from left to right. Stored: turned clockwise, so from top to bottom; green is brightest.
    tops, middles, ends = (luma[rows].mean() for rows in (slice(0, 20), slice(40, 56), slice(76, 96)))
    assert middles > tops > ends


def test_chroma_planes_of_odd_sizes_are_rounded_up() -> None:
    shapes = [plane.shape for plane in background_planes(Plain(1, 2, 3), geometry(161, 97))]
    assert shapes == [(97, 161), (49, 81), (49, 81)]


def test_a_picture_with_alpha_lies_over_black(tmp_path: Path) -> None:
    path = tmp_path / "half.png"
    cv2.imwrite(str(path), np.full((8, 8, 4), (0, 0, 200, 128), np.uint8))
    assert paint(Picture(path), 8, 8)[0, 0].tolist() == [100, 0, 0]


@pytest.mark.parametrize("text", ["", "20a060", "#20a06", "#20a06g", "red"])
def test_what_is_no_colour_is_refused(text: str) -> None:
    with pytest.raises(UnsupportedBackground):
        plain(text)


def test_pictures_and_colours_become_backdrops(tmp_path: Path) -> None:
    assert backdrop(ColorBackground(color="#20A060"), None) == Plain(0x20, 0xA0, 0x60)
    assert backdrop(BlurBackground(strength=0.25), None) == Blur(0.25)
    image = ImageBackground(source=SOURCE, fit="contain")
    assert backdrop(image, tmp_path) == Picture(tmp_path, "contain")
    moving = VideoBackground(source=SOURCE, fit="stretch", loop=False, origin_pts=7)
    assert backdrop(moving, tmp_path) == Movie(tmp_path, "stretch", loop=False, origin=7)
    assert backdrop(TransparentBackground(), None) == Transparent()
    shade = GradientBackground(colors=("#000000", "#FF8000"), angle=90)
    assert backdrop(shade, None) == Gradient(Plain(0, 0, 0), Plain(255, 128, 0), 90)
    for lacking in (image, moving):
        with pytest.raises(UnsupportedBackground, match="needs its file") as caught:
            backdrop(lacking, None)
        assert (caught.value.code, caught.value.error_class) == ("unsupported_background", "unsupported")


@pytest.mark.parametrize("outputs", [[Output.COMPOSITE], [Output.MASK, Output.COMPOSITE]])
def test_a_composite_on_nothing_needs_a_format_with_alpha(outputs: list[Output]) -> None:
    refused: list[tuple[ImageFormat | None, str]] = [(None, "ask for the foreground"), ("jpeg", "take png or webp")]
    for still, words in refused:
        with pytest.raises(UnsupportedBackground, match=words):
            check_alpha(Transparent(), outputs, still)
    allowed: list[tuple[Backdrop, list[Output], ImageFormat | None]] = [
        (Transparent(), outputs, "png"),
        (Transparent(), outputs, "webp"),
        (Transparent(), [Output.FOREGROUND, Output.MASK], None),
        (Plain(0, 0, 0), outputs, None),
    ]
    for behind_them, wanted, kind in allowed:
        check_alpha(behind_them, wanted, kind)


@pytest.mark.parametrize(
    ("angle", "corners"),
    [
        (0, ((255, 255), (0, 0))),
        (90, ((0, 255), (0, 255))),
        (180, ((0, 0), (255, 255))),
        (-90, ((255, 0), (255, 0))),
        (135, ((0, None), (None, 255))),
    ],
)
def test_a_gradient_runs_at_its_angle(angle: float, corners: tuple[tuple[int | None, int | None], ...]) -> None:
    painted = paint(Gradient(Plain(0, 40, 0), Plain(255, 40, 0), angle), 301, 201)
    assert np.all(painted[:, :, 1] == 40)
    for row, expected in zip((0, -1), corners, strict=True):
        for column, red in zip((0, -1), expected, strict=True):
            assert red is None or abs(int(painted[row, column, 0]) - red) <= 2
    assert abs(int(painted[100, 150, 0]) - 128) <= 1


def test_a_gradient_is_straight_in_what_is_seen() -> None:
    # In pixels twice as wide as high, 45 degrees cross two rows for each column.
    painted = paint(Gradient(Plain(0, 0, 0), Plain(255, 255, 255), 45), 100, 200, display_aspect=1.0)
    assert np.abs(painted[120, 70].astype(int) - painted[122, 71]).max() <= 1


def test_a_gradient_in_ten_bits_has_steps_that_eight_have_not() -> None:
    dusk = Gradient(Plain(20, 20, 20), Plain(60, 60, 60), 90)
    steps = [len(np.unique(background_planes(dusk, replace(geometry(600, 8), pixels=p))[0])) for p in PIXELS]
    assert steps[0] <= 41
    assert steps[1] > 120
