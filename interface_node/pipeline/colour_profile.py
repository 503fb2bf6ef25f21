"""ICC profiles made of three curves and a matrix, or of one grey curve, to sRGB.

That is what cameras, phones and screens write: Display P3, Adobe RGB, ProPhoto. Profiles of tables (printers, scanners)
are not read, and their pictures stay as they are. After ICC.1:2022, sections 8 and 10.
"""

import struct
from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Rgb = NDArray[np.uint8]
SRGB_TO_D50: Final = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
"""Linear sRGB to XYZ, adapted to D50 by Bradford."""
STEPS: Final = 65_535
ROWS: Final = 1 << 20
"""Pixels that are converted at once: floats of a whole photograph would be many times its size."""
UNSEEN: Final = 2
"""Codes. What moves no colour further is sRGB under another name, and its picture is left alone."""


def to_srgb(rgb: Rgb, profile: bytes | None) -> Rgb:
    """`uint8 [h, w, 3]` by an ICC profile -> the same in sRGB; unchanged where the profile is none that we read, or is
    sRGB's own."""
    found = _read(profile) if profile else None
    if found is None:
        return rgb
    curves, matrix = found
    convert = _converter(curves, matrix)
    steps = np.arange(0, 256, 15).astype(np.uint8)
    probe = np.stack(np.meshgrid(steps, steps, steps), axis=3).reshape(1, -1, 3)
    if np.abs(convert(probe).astype(int) - probe).max() <= UNSEEN:
        return rgb
    each = max(1, ROWS // rgb.shape[1])
    pieces = [convert(np.ascontiguousarray(rgb[top : top + each])) for top in range(0, rgb.shape[0], each)]
    return np.concatenate(pieces)


def _converter(curves: Values, matrix: Values) -> Callable[[Rgb], Rgb]:
    linear = curves.astype(np.float32)
    ends = _encoded(np.linspace(0, 1, STEPS + 1))

    def convert(rgb: Rgb) -> Rgb:
        light = np.stack([linear[place][rgb[:, :, place]] for place in range(3)], axis=2)
        moved = np.asarray(cv2.transform(light, matrix.astype(np.float32)), np.float32)
        return np.asarray(ends[np.rint(np.clip(moved, 0, 1) * STEPS).astype(np.uint16)], np.uint8)

    return convert


def _encoded(light: Values) -> Rgb:
    """Light 0..1 as sRGB's codes 0..255."""
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(light, 1 / 2.4) - 0.055)
    return np.asarray(np.rint(curve * 255), np.uint8)


def _read(profile: bytes) -> tuple[Values, Values] | None:
    """Curves `[3, 256]` to light 0..1, and the matrix `[3, 3]` from there to linear sRGB; None where there are none."""
    try:
        tags = _tags(profile)
        space, connection = profile[16:20], profile[20:24]
        if space == b"GRAY":
            return np.tile(_curve(tags[b"kTRC"]), (3, 1)), np.eye(3)
        if space != b"RGB " or connection != b"XYZ ":
            return None
        curves = np.stack([_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")])
        colours = np.stack([_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")], axis=1)
    except (KeyError, ValueError, IndexError, ZeroDivisionError, struct.error):
        return None
    return curves, np.linalg.inv(SRGB_TO_D50) @ colours


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    found = (struct.unpack_from(">4sII", profile, 132 + 12 * number) for number in range(min(count, 100)))
    return {name: profile[at : at + size] for name, at, size in found}


def _xyz(tag: bytes) -> Values:
    return np.array(struct.unpack_from(">3i", tag, 8), float) / 65536


def _curve(tag: bytes) -> Values:
    """Light of each code 0..255, 0..1; ValueError for a kind that does not exist."""
    codes = np.linspace(0, 1, 256)
    if tag[:4] == b"para":
        with np.errstate(all="ignore"):
            return np.nan_to_num(np.clip(_parametric(tag, codes), 0, 1))
    if tag[:4] != b"curv":
        raise ValueError(tag[:4])
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return codes
    table = np.array(struct.unpack_from(f">{min(count, 65536)}H", tag, 12), float)
    if count == 1:
        return np.asarray(codes ** (table[0] / 256))
    return np.interp(codes, np.linspace(0, 1, len(table)), table / 65535)


def _parametric(tag: bytes, x: Values) -> Values:
    (kind,) = struct.unpack_from(">H", tag, 8)
    numbers = (1, 3, 4, 5, 7)[kind]
    g, *rest = (value / 65536 for value in struct.unpack_from(f">{numbers}i", tag, 12))
    a, b, c, d, e, f = (*rest, *[0.0] * (6 - len(rest))) if kind else (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    power: Values = np.power(np.maximum(a * x + b, 0), g)
    match kind:
        case 0:
            return power
        case 1:
            return np.asarray(np.where(x >= -b / a, power, 0))
        case 2:
            return np.asarray(np.where(x >= -b / a, power + c, c))
        case 3:
            return np.asarray(np.where(x >= d, power, c * x))
        case _:
            return np.asarray(np.where(x >= d, power + e, c * x + f))
