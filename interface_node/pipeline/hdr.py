"""Painted backgrounds in the light of an HDR video.

sRGB's numbers read as PQ would make white as bright as the brightest lamp. White becomes the graphics white of BT.2408:
203 cd/m2, which HLG writes as 75 %.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from interface_node.pipeline.frames import Colour

PQ, HLG, BT2020 = 16, 18, 9
"""Transfer functions and primaries of ITU-T H.273."""
WHITE: Final = 203.0
"""In cd/m2."""
PQ_PEAK: Final = 10_000.0
HLG_PEAK: Final = 1000.0
HLG_GAMMA: Final = 1.2
TO_BT2020: Final = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]], np.float32)
"""From BT.709's primaries, linear (BT.2087)."""
LUMA: Final = np.array([0.2627, 0.6780, 0.0593], np.float32)

Painted = NDArray[np.uint8] | NDArray[np.uint16]
Light = NDArray[np.float32]


def lit(painted: Painted, colour: Colour) -> Painted:
    """sRGB `[h, w, 3]` -> R, G, B as the video's transfer and primaries count them, `uint16` over 0..65535; where those
    are not HDR, `painted` itself."""
    if colour.transfer not in (PQ, HLG):
        return painted
    light = _linear(painted)
    if colour.primaries == BT2020:
        light = np.clip(light @ TO_BT2020.T, 0, 1)
    signal = _pq(light * np.float32(WHITE)) if colour.transfer == PQ else _hlg(light * np.float32(WHITE))
    made: NDArray[np.uint16] = np.rint(np.clip(signal, 0, 1) * 65535).astype(np.uint16)
    return made


def _linear(painted: Painted) -> Light:
    most = np.iinfo(painted.dtype).max
    codes = np.arange(most + 1, dtype=np.float32) / most
    table = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return np.asarray(table[painted], np.float32)


def _pq(nits: Light) -> Light:
    """SMPTE ST 2084's inverse EOTF."""
    power = (nits / np.float32(PQ_PEAK)) ** np.float32(0.1593017578125)
    ratio = (0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)
    return np.asarray(ratio**78.84375, np.float32)


def _hlg(nits: Light) -> Light:
    """BT.2100's inverse OOTF for a display of 1000 cd/m2, and its OETF."""
    shown = nits / np.float32(HLG_PEAK)
    luminance = np.maximum(shown @ LUMA, np.float32(1e-6))[..., None]
    scene = shown * luminance ** np.float32((1 - HLG_GAMMA) / HLG_GAMMA)
    bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-6)) + 0.55991073
    return np.asarray(np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright), np.float32)
