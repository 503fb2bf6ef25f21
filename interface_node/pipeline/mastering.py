"""What an HDR source says of the display that it was graded on and of its brightest picture (SMPTE ST 2086, CTA-861.3).

FFmpeg's encoders take these only from a place that PyAV does not reach, so they are told by their own parameters. Those
are made of bounded integers alone.
"""

import struct
from dataclasses import dataclass
from typing import Final

from av.buffer import Buffer
from av.video.frame import VideoFrame

CHROMA: Final = 50_000
"""Chromaticities are counted in units of 1/50,000."""
LUMINANCE: Final = 10_000
"""Luminances in units of 1/10,000 candela per square metre."""
_DISPLAY: Final = struct.Struct("=20i2i")
_LIGHT: Final = struct.Struct("=2I")


@dataclass(frozen=True)
class Display:
    """Chromaticities x, y of red, green, blue and white in 1/50,000; luminances in 1/10,000 cd/m2."""

    red: tuple[int, int]
    green: tuple[int, int]
    blue: tuple[int, int]
    white: tuple[int, int]
    darkest: int
    brightest: int


@dataclass(frozen=True)
class Mastering:
    """Either may be missing. `light`: the brightest pixel and the brightest mean of a frame, in cd/m2."""

    display: Display | None
    light: tuple[int, int] | None


def mastering(frame: VideoFrame) -> Mastering | None:
    """What a decoded frame carries; None when that is nothing."""
    sides = frame.side_data
    found = Mastering(_display(sides.get("MASTERING_DISPLAY_METADATA")), _light(sides.get("CONTENT_LIGHT_LEVEL")))
    return found if found.display or found.light else None


def x264_params(found: Mastering) -> str:
    """As x264 takes it, to be added to its other parameters."""
    return _joined(("mastering-display", _whole(found.display)), ("cll", _levels(found.light)))


def x265_params(found: Mastering) -> str:
    """As x265 takes it."""
    return _joined(("master-display", _whole(found.display)), ("max-cll", _levels(found.light)))


def svtav1_params(found: Mastering) -> str:
    """As SVT-AV1 takes it: with fractions."""
    return _joined(("mastering-display", _fractions(found.display)), ("content-light", _levels(found.light)))


def _joined(*pairs: tuple[str, str | None]) -> str:
    return "".join(f":{name}={value}" for name, value in pairs if value)


def _levels(light: tuple[int, int] | None) -> str | None:
    return f"{light[0]},{light[1]}" if light else None


def _whole(display: Display | None) -> str | None:
    if display is None:
        return None
    red, green, blue, white = (f"({x},{y})" for x, y in (display.red, display.green, display.blue, display.white))
    return f"G{green}B{blue}R{red}WP{white}L({display.brightest},{display.darkest})"


def _fractions(display: Display | None) -> str | None:
    if display is None:
        return None
    colours = (display.red, display.green, display.blue, display.white)
    red, green, blue, white = (f"({x / CHROMA:.5f},{y / CHROMA:.5f})" for x, y in colours)
    return f"G{green}B{blue}R{red}WP{white}L({display.brightest / LUMINANCE:.4f},{display.darkest / LUMINANCE:.4f})"


def _display(side: object) -> Display | None:
    """FFmpeg's structure: ten fractions, and whether the chromaticities and the luminances are known."""
    if not isinstance(side, Buffer) or side.buffer_size < _DISPLAY.size:
        return None
    *numbers, primaries, luminance = _DISPLAY.unpack(bytes(side)[: _DISPLAY.size])
    if not (primaries and luminance) or not all(numbers[1::2]):
        return None
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    xy = [_bounded(top, bottom, CHROMA, CHROMA) for top, bottom in pairs[:8]]
    darkest, brightest = (_bounded(top, bottom, LUMINANCE, 2**31 - 1) for top, bottom in pairs[8:])
    return Display((xy[0], xy[1]), (xy[2], xy[3]), (xy[4], xy[5]), (xy[6], xy[7]), darkest=darkest, brightest=brightest)


def _bounded(top: int, bottom: int, unit: int, most: int) -> int:
    return min(max(round(top * unit / bottom), 0), most)


def _light(side: object) -> tuple[int, int] | None:
    if not isinstance(side, Buffer) or side.buffer_size < _LIGHT.size:
        return None
    brightest, mean = _LIGHT.unpack(bytes(side)[: _LIGHT.size])
    return (min(brightest, 65535), min(mean, 65535))
