"""Pictures come in upright and in sRGB, whoever wrote them: turned, deep, grey, with palettes, inks and profiles."""

import struct
import subprocess
import zlib
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

from interface_node.errors import NotAnImage
from interface_node.pipeline.background import paint
from interface_node.pipeline.colour_profile import to_srgb
from interface_node.pipeline.image import ImageSpec, run_image
from interface_node.pipeline.spec import Picture, Plain, Transparent
from interface_node.pipeline.still import decode_picture, read_picture
from protocol.states import Output
from tests import clips
from tests.fakes.segmenters import Halves
from tests.interface_node.pipeline.odd_pictures import (
    GREY_CURVE,
    P3,
    SRGB,
    cmyk_jpeg,
    exif,
    png_of,
    profile,
    segment,
    with_chunk,
    with_riff_chunk,
)

SIDES = (
    ("top", "left"),
    ("top", "right"),
    ("bottom", "right"),
    ("bottom", "left"),
    ("left", "top"),
    ("right", "top"),
    ("right", "bottom"),
    ("left", "bottom"),
)


def turned(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """By the words of the EXIF standard: where row 0 and column 0 of what is stored are seen."""
    row, column = SIDES[orientation - 1]
    if row in ("left", "right"):
        pixels, row, column = pixels.transpose(1, 0, 2), column, row
    pixels = pixels[::-1] if row == "bottom" else pixels
    return pixels[:, ::-1] if column == "right" else pixels


@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_orientations_turn_colour_and_alpha_together(orientation: int) -> None:
    rgba = np.dstack([clips.picture(40, 30, 0), np.arange(1200).reshape(30, 40) % 251]).astype(np.uint8)
    png = with_chunk(png_of(rgba), b"eXIf", exif(orientation))
    assert np.array_equal(decode_picture(png, "a"), turned(rgba, orientation))
    little = with_chunk(png_of(rgba), b"eXIf", exif(orientation, "<"))
    assert np.array_equal(decode_picture(little, "a"), turned(rgba, orientation))


@pytest.mark.parametrize("orientation", [3, 5, 6])
def test_a_webp_and_a_jpeg_are_turned_as_a_png_is(tmp_path: Path, orientation: int) -> None:
    webp = clips.still(tmp_path / "a.webp", 40, 30).read_bytes()
    upright = decode_picture(webp, "a")
    assert np.array_equal(
        decode_picture(with_riff_chunk(webp, b"EXIF", exif(orientation)), "a"), turned(upright, orientation)
    )
    plain = read_picture(clips.still(tmp_path / "a.jpg", 40, 30))
    made = read_picture(clips.still(tmp_path / "b.jpg", 40, 30, orientation))
    assert np.array_equal(made, turned(plain, orientation))


@pytest.mark.parametrize("damage", [b"", b"MM", b"MM\0*\0\0\0\x08\xff\xff", exif(0), exif(9), b"II*\0\xff\xff\xff\xff"])
def test_an_orientation_that_is_nonsense_is_none(damage: bytes) -> None:
    pixels = clips.picture(40, 30, 0)
    assert np.array_equal(decode_picture(with_chunk(png_of(pixels), b"eXIf", damage), "a"), pixels)


def test_sixteen_bits_become_eight() -> None:
    deep = np.dstack([clips.picture(40, 30, 0).astype(np.uint16) * 257, np.full((30, 40), 40_000, np.uint16)])
    data = cv2.imencode(".png", deep)[1].tobytes()
    made = decode_picture(data, "a")
    assert np.abs(made[:, :, :3].astype(int) - clips.picture(40, 30, 0)[:, :, ::-1]).max() <= 1
    assert set(made[:, :, 3].ravel()) == {40_000 // 256}


@pytest.mark.parametrize(
    ("pixels", "channels"), [("gray", 3), ("gray16be", 3), ("pal8", 3), ("ya8", 4), ("monob", 3), ("rgba64be", 4)]
)
def test_grey_palettes_and_bits_are_read(tmp_path: Path, pixels: str, channels: int) -> None:
    source, path = clips.still(tmp_path / "a.png"), tmp_path / "b.png"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", "-i", str(source), "-pix_fmt", pixels, str(path)]
    subprocess.run(command, check=True)
    made = read_picture(path)
    assert made.shape in {(96, 160, 3), (96, 160, channels)}
    light = made[:, :, :3].mean(axis=2)
    expected = clips.picture(160, 96, 0).mean(axis=2)
    assert np.corrcoef(light.ravel(), expected.ravel())[0, 1] > (0.3 if pixels == "monob" else 0.9)
    spec = ImageSpec(path, Plain(9, 9, 9), {Output.COMPOSITE: tmp_path / "c.png"})
    run_image(spec, Halves(), lambda progress: None, lambda: False)
    assert read_picture(tmp_path / "c.png").shape == (96, 160, 3)


def test_four_inks_are_mixed() -> None:
    inks = np.full((16, 32, 4), 255, np.uint8)
    inks[:, 8:16, 1:3] = 0  # magenta and yellow on paper
    inks[:, 16:24, 3] = 0
    inks[:, 24:, 0] = 0
    made = decode_picture(cmyk_jpeg(inks), "a")[8, 4::8].astype(int)
    assert np.abs(made - [(255, 255, 255), (255, 0, 0), (0, 0, 0), (0, 255, 255)]).max() <= 6


def test_inks_that_nobody_explains_are_refused_in_words() -> None:
    with pytest.raises(NotAnImage, match="save it as RGB"):
        decode_picture(cmyk_jpeg(np.full((16, 16, 4), 255, np.uint8), adobe=False), "a")


def test_display_p3_becomes_srgb_as_an_independent_program_converts_it() -> None:
    pixels = np.random.default_rng(3).integers(40, 200, (32, 32, 3)).astype(np.uint8)
    made = decode_picture(with_chunk(png_of(pixels), b"iCCP", b"p3\0\0" + zlib.compress(profile(P3))), "a")
    curve = "iec61966-2-1"
    scale = f"zscale=rin=full:r=full:min=gbr:m=gbr:pin=smpte432:p=bt709:tin={curve}:t={curve}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "32x32"]
    command += ["-i", "-", "-vf", f"format=gbrp,{scale},format=gbrp", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"]
    data = subprocess.run(command, input=pixels.tobytes(), capture_output=True, check=True).stdout
    expected = np.frombuffer(data, np.uint8).reshape(32, 32, 3)
    assert np.abs(expected.astype(int) - pixels).max() > 10
    assert np.abs(made.astype(int) - expected).max() <= 2


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_a_profile_is_found_in_every_kind_of_file(tmp_path: Path, suffix: str) -> None:
    plain = clips.still(tmp_path / f"a{suffix}").read_bytes()
    wide = profile(P3)
    if suffix == ".webp":
        tagged = with_riff_chunk(plain, b"ICCP", wide)
    else:  # in two pieces, the second first
        pieces = [b"ICC_PROFILE\0" + bytes([n, 2]) + part for n, part in ((2, wide[90:]), (1, wide[:90]))]
        tagged = plain[:2] + b"".join(segment(0xE2, piece) for piece in pieces) + plain[2:]
    pixels = decode_picture(plain, "a")
    assert np.array_equal(decode_picture(tagged, "a"), to_srgb(pixels, wide))
    assert not np.array_equal(to_srgb(pixels, wide), pixels)


def test_srgb_under_its_own_name_is_left_alone() -> None:
    pixels = clips.picture(40, 30, 0)
    assert to_srgb(pixels, profile(SRGB)) is pixels


def test_a_grey_profile_moves_greys() -> None:
    greys = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(16, 16, 3)
    made = to_srgb(
        greys, profile((), GREY_CURVE.replace(struct.pack(">H", round(2.2 * 256)), struct.pack(">H", 256)), b"GRAY")
    )
    assert made[0, 0].tolist() == [0, 0, 0]
    assert made[8, 0].tolist() == [188, 188, 188]  # half of the light
    assert made[15, 15].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\0" * 128,
        profile(P3)[:150],
        profile(P3).replace(b"para", b"nope"),
        profile(P3, space=b"CMYK"),
        b"\xff" * 400,
        profile(P3, struct.pack(">4sIHH5i", b"para", 0, 3, 0, -(1 << 31), 0, -1, -1, -1)),
    ],
)
def test_a_profile_that_is_nonsense_changes_or_breaks_nothing(damage: bytes) -> None:
    pixels = clips.picture(40, 30, 0)
    assert to_srgb(pixels, damage).shape == pixels.shape
    packed = with_chunk(png_of(pixels), b"iCCP", b"x\0\0" + zlib.compress(damage)[:-3])
    assert decode_picture(packed, "a").shape == pixels.shape


def test_a_background_is_turned_and_converted_too(tmp_path: Path) -> None:
    path = tmp_path / "b.png"
    tagged = with_chunk(png_of(clips.picture(60, 40, 0)), b"iCCP", b"p3\0\0" + zlib.compress(profile(P3)))
    path.write_bytes(with_chunk(tagged, b"eXIf", exif(6)))
    expected = np.rot90(to_srgb(clips.picture(60, 40, 0), profile(P3)), -1)
    assert np.array_equal(paint(Picture(path, "stretch"), 40, 60), expected)


def test_a_cut_out_keeps_the_colours_of_the_person(tmp_path: Path) -> None:
    spec = ImageSpec(clips.still(tmp_path / "a.png"), Transparent(), {Output.COMPOSITE: tmp_path / "c.png"})
    run_image(spec, Halves(), lambda progress: None, lambda: False)
    made = read_picture(tmp_path / "c.png")
    assert np.array_equal(made[:, :, :3], read_picture(tmp_path / "a.png"))
    assert (made[:, :76, 3].min(), made[:, 84:, 3].max()) == (255, 0)
