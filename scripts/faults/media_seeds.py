"""Small whole files of every kind that is accepted, to be damaged: 64 x 48 pixels, a few frames, some with sound."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

WIDTH: Final = 64
HEIGHT: Final = 48
FRAMES: Final = 8
_RATE: Final = 8000


@dataclass(frozen=True)
class Kind:
    """A container with its codecs."""

    name: str
    suffix: str
    video: str
    sound: str | None = None
    pixels: str = "yuv420p"


KINDS: Final = (
    Kind("mp4", ".mp4", "libx264", "aac"),
    Kind("mp4-hevc", ".mp4", "libx265"),
    Kind("fragments", ".mp4", "libx264"),
    Kind("mov", ".mov", "prores_ks", pixels="yuv422p10le"),
    Kind("mkv", ".mkv", "libx264", "flac"),
    Kind("webm", ".webm", "libvpx-vp9"),
    Kind("ts", ".ts", "libx264", "mp2"),
    Kind("avi", ".avi", "mpeg4"),
)
PICTURES: Final = (".png", ".jpg", ".webp")
_OPTIONS: Final = {
    "libx264": {"preset": "ultrafast", "bf": "1", "g": "4"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:pools=none:frame-threads=1"},
    "libvpx-vp9": {"cpu-used": "8", "deadline": "realtime"},
}


def write_all(folder: Path) -> list[Path]:
    """One file of each kind in `folder`."""
    return [*(_video(folder, kind) for kind in KINDS), *(_picture(folder, suffix) for suffix in PICTURES)]


def is_picture(path: Path) -> bool:
    """Whether it is read as a still."""
    return path.suffix in PICTURES


def _video(folder: Path, kind: Kind) -> Path:
    path = folder / f"{kind.name}{kind.suffix}"
    flags = {"movflags": "frag_keyframe+empty_moov"} if kind.name == "fragments" else {}
    with av.open(str(path), "w", options=flags) as output:
        stream = output.add_stream(kind.video, rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, kind.pixels
        stream.codec_context.thread_count = 1
        stream.codec_context.options = _OPTIONS.get(kind.video, {})
        sound = output.add_stream(kind.sound, rate=_RATE if kind.sound != "mp2" else 16000) if kind.sound else None
        for number in range(FRAMES):
            frame = VideoFrame.from_ndarray(_drawn(number), "rgb24").reformat(format=kind.pixels)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if isinstance(sound, AudioStream):
            _hum(output, sound)
    return path


def _hum(output: OutputContainer, stream: AudioStream) -> None:
    rate = stream.codec_context.sample_rate
    for frame in _samples(rate, rate * FRAMES // 25, stream):
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def _samples(rate: int, count: int, stream: AudioStream) -> Iterator[AudioFrame]:
    stream.codec_context.open(strict=False)
    size = stream.codec_context.frame_size or 1024
    form = stream.codec_context.format.name
    for begin in range(0, count, size):
        wave = np.sin(np.arange(begin, begin + size) / rate * 440 * 2 * np.pi) * 8000
        frame = AudioFrame.from_ndarray(wave.astype(np.int16)[None], "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, begin, Fraction(1, rate)
        yield from av.AudioResampler(form, "mono", rate).resample(frame)


def _picture(folder: Path, suffix: str) -> Path:
    path = folder / f"still{suffix}"
    done, data = cv2.imencode(suffix, _drawn(3))
    if not done:
        raise OSError(f"OpenCV here cannot write {suffix}")
    path.write_bytes(data.tobytes())
    return path


def _drawn(number: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([x * 4 % 256, (y * 5 + number * 9) % 256, (x * y + number) % 256], axis=2).astype(np.uint8)
