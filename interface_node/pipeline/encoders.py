"""What each output is written with. Every option is a constant or a bounded number: no free text reaches a codec."""

from dataclasses import dataclass
from typing import Final

from interface_node.errors import UnsupportedOutput
from interface_node.pipeline.frames import Geometry, even
from protocol.states import Output
from protocol.work import Encoding

X264_PARAMS: Final = "open-gop=0"
"""Closed groups of pictures: parts are joined by stream copy."""


@dataclass(frozen=True)
class Encoder:
    """A codec and its container. `form` is FFmpeg's name of the container, `container` ours."""

    codec: str
    pixels: str
    options: dict[str, str]
    form: str
    container: str
    width: int
    height: int
    threads: int


def encoder_for(output: Output, encoding: Encoding, geometry: Geometry) -> Encoder:
    """The encoder of one output; UnsupportedOutput for codecs that this version does not write."""
    match output:
        case Output.COMPOSITE:
            return _h264(encoding, geometry, geometry.pixels)
        case Output.MASK:
            return _h264(encoding, geometry, "yuv420p")
        case Output.FOREGROUND:
            return _vp9(encoding, geometry) if encoding.foreground == "vp9" else _prores(encoding, geometry)


def _h264(encoding: Encoding, geometry: Geometry, pixels: str) -> Encoder:
    if encoding.codec != "h264":
        raise UnsupportedOutput(f"this node does not write {encoding.codec} yet")
    options = {"preset": encoding.preset, "crf": str(encoding.crf), "x264-params": X264_PARAMS}
    width, height = even(geometry.width), even(geometry.height)
    return Encoder("libx264", pixels, options, "mp4", "mp4", width, height, encoding.threads)


def _vp9(encoding: Encoding, geometry: Geometry) -> Encoder:
    """Alpha needs lag and alternate references off: the alpha plane's own encoder cannot follow them.

    WebM loses the shape of VP9's pixels, so they are made square.
    """
    options = {
        "deadline": "realtime",
        "cpu-used": "8",
        "crf": str(min(63, encoding.crf + 12)),
        "b": "0",
        "row-mt": "1",
        "auto-alt-ref": "0",
        "lag-in-frames": "0",
    }
    width = max(1, round(geometry.width * (geometry.sar or 1)))
    return Encoder("libvpx-vp9", "yuva420p", options, "webm", "webm", width, geometry.height, encoding.threads)


def _prores(encoding: Encoding, geometry: Geometry) -> Encoder:
    options = {"profile": "4444", "vendor": "apl0"}
    width, height = geometry.width, geometry.height
    return Encoder("prores_ks", "yuva444p10le", options, "mov", "mov", width, height, encoding.threads)
