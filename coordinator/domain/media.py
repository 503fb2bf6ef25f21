"""What a probe finds in a file, and how large a file may be.

Standard library only: the probe's worker process imports this module and nothing else of the coordinator.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Self

VIDEO: Final = "video"
DEMUXERS: Final = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,avi"
"""The containers that may be opened, as FFmpeg's `format_whitelist`; all others could name further files."""

CONTENT_TYPES: Final[Mapping[str, str]] = {
    "mov": "video/quicktime",
    "mp4": "video/mp4",
    "matroska": "video/x-matroska",
    "webm": "video/webm",
    "mpegts": "video/mp2t",
    "avi": "video/x-msvideo",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
}
SUFFIXES: Final[Mapping[str, str]] = {
    "video/quicktime": ".mov",
    "video/mp4": ".mp4",
    "video/x-matroska": ".mkv",
    "video/webm": ".webm",
    "video/mp2t": ".ts",
    "video/x-msvideo": ".avi",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a file may be: pixels a side, pixels of a still, seconds, frames, streams."""

    side: int = 8192
    image_pixels: int = 64_000_000
    duration: float = 4 * 3600.0
    frames: int = 1_000_000
    streams: int = 16


LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Facts:
    """What video and image facts share: they are stored as JSON and read back."""

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `media.facts` holds them."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """From stored values; KeyError when one is missing."""
        return cls(**{field.name: values[field.name] for field in fields(cls)})


@dataclass(frozen=True, slots=True)
class VideoFacts(Facts):
    """A video as one packet pass and its first frame show it; header counts are not believed.

    `width` and `height` are in storage orientation, `rotation` is degrees counter-clockwise as the display matrix says
    and is never applied. `sar` and `time_base` are "n/d". `first_pts` and `last_pts` are in `time_base` and None when
    `has_timestamps` is false: some frame has no timestamp, or two share one, and the file can only be done whole.
    `color` are the four H.273 numbers range, matrix, primaries, transfer. `streams` are {index, type, codec}.
    `faststart` says whether an mp4's index lies before its data; None for other containers.
    """

    container: str
    codec: str
    pix_fmt: str
    width: int
    height: int
    rotation: int
    sar: str
    color: dict[str, int]
    stream: int
    time_base: str
    frames: int
    keyframes: int
    first_pts: int | None
    last_pts: int | None
    has_timestamps: bool
    duration: float
    fps: float
    has_audio: bool
    streams: list[dict[str, Any]]
    extradata_sha256: str
    faststart: bool | None

    @property
    def content_type(self) -> str:
        """The media type of the container."""
        return CONTENT_TYPES[self.container]


@dataclass(frozen=True, slots=True)
class ImageFacts(Facts):
    """A still. `width` and `height` are in storage orientation, `rotation` as in `VideoFacts`."""

    container: str
    codec: str
    pix_fmt: str
    width: int
    height: int
    rotation: int

    @property
    def content_type(self) -> str:
        """The media type of the file."""
        return CONTENT_TYPES[self.container]
