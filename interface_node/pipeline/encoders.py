"""What each output is written with. Every option is a constant or a bounded number: no free text reaches a codec."""

from dataclasses import dataclass, replace
from typing import Final

from interface_node.errors import UnsupportedOutput
from interface_node.pipeline.frames import Geometry, even
from interface_node.pipeline.mastering import svtav1_params, x264_params, x265_params
from interface_node.settings import silence_svt_av1
from protocol.states import Output
from protocol.work import Encoding

X264_PARAMS: Final = "open-gop=0"
"""Closed groups of pictures: parts are joined by stream copy."""
X265_PARAMS: Final = "open-gop=0:no-wpp=1:info=0:log-level=none"
"""Without wavefronts and without its option text, x265's bits and parameter sets are the same on every machine."""
SVT_PRESETS: Final = {
    "ultrafast": 12,
    "superfast": 11,
    "veryfast": 10,
    "faster": 9,
    "fast": 8,
    "medium": 7,
    "slow": 5,
}
MOST_SVT_CRF: Final = 63
LEAST_SIDE: Final = {"hevc": 64, "av1": 16}
"""Pixels. x265 writes beyond its memory when both sides are smaller (seen); SVT-AV1 refuses below a few."""


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
    tag: str | None = None
    """The sample entry in mp4 where it is not FFmpeg's own choice."""


def encoder_for(output: Output, encoding: Encoding, geometry: Geometry) -> Encoder:
    """The encoder of one output; UnsupportedOutput for sizes that its codec cannot hold."""
    match output:
        case Output.COMPOSITE:
            return _composite(encoding, geometry)
        case Output.MASK:
            return _h264(encoding, replace(geometry, pixels="yuv420p", mastering=None))
        case Output.FOREGROUND:
            return _vp9(encoding, geometry) if encoding.foreground == "vp9" else _prores(encoding, geometry)


def _composite(encoding: Encoding, geometry: Geometry) -> Encoder:
    least = LEAST_SIDE.get(encoding.codec, 1)
    if min(geometry.width, geometry.height) < least:
        size = f"{geometry.width} x {geometry.height}"
        raise UnsupportedOutput(f"{size} pixels are too few for {encoding.codec}: at least {least} a side; take h264")
    match encoding.codec:
        case "h264":
            return _h264(encoding, geometry)
        case "hevc":
            return _hevc(encoding, geometry)
        case "av1":
            return _av1(encoding, geometry)


def _h264(encoding: Encoding, geometry: Geometry) -> Encoder:
    """Ten bits stay ten bits (High 10), which few browsers show; hevc and av1 are for those."""
    params = X264_PARAMS + (x264_params(geometry.mastering) if geometry.mastering else "")
    options = {"preset": encoding.preset, "crf": str(encoding.crf), "x264-params": params}
    width, height = even(geometry.width), even(geometry.height)
    return Encoder("libx264", geometry.pixels, options, "mp4", "mp4", width, height, encoding.threads)


def _hevc(encoding: Encoding, geometry: Geometry) -> Encoder:
    """Apple's players want the parameter sets outside the pictures, which `hvc1` promises."""
    threads = f":frame-threads={min(encoding.threads, 16)}:pools={encoding.threads}"
    params = X265_PARAMS + threads + (x265_params(geometry.mastering) if geometry.mastering else "")
    options = {"preset": encoding.preset, "crf": str(encoding.crf), "x265-params": params}
    width, height = even(geometry.width), even(geometry.height)
    return Encoder("libx265", geometry.pixels, options, "mp4", "mp4", width, height, encoding.threads, "hvc1")


def _av1(encoding: Encoding, geometry: Geometry) -> Encoder:
    """Rate factors run over 0..63 there and not over 0..51; odd sides are kept."""
    silence_svt_av1()
    params = f"lp={encoding.threads}" + (svtav1_params(geometry.mastering) if geometry.mastering else "")
    options = {
        "preset": str(SVT_PRESETS[encoding.preset]),
        "crf": str(max(1, round(encoding.crf * MOST_SVT_CRF / 51))),
        "svtav1-params": params,
    }
    width, height = geometry.width, geometry.height
    return Encoder("libsvtav1", geometry.pixels, options, "mp4", "mp4", width, height, encoding.threads)


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
