"""Small real media files for every test, written with PyAV and OpenCV. Nothing here is a recording of somebody."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.stream import Stream
from av.video.stream import VideoStream
from numpy.typing import NDArray


@dataclass(frozen=True)
class Clip:
    """What to write. `stamps` are presentation times in ticks of `time_base`; without them the rate is constant."""

    frames: int = 24
    width: int = 160
    height: int = 96
    rate: int = 24
    codec: str = "libx264"
    pixels: str = "yuv420p"
    time_base: Fraction | None = None
    stamps: Sequence[int] | None = None
    audio: str | None = None
    subtitles: bool = False
    rotation: int = 0
    sar: Fraction | None = None
    colour: tuple[int, int, int, int] | None = None
    bframes: int = 2
    keyframe_every: int = 12
    noise: bool = False
    """Pictures that no encoder makes small."""
    index_last: bool = False
    """An mp4 as recorders leave it."""


SHORT = Clip()


def write(path: Path, clip: Clip = SHORT) -> Path:
    """Write `clip` to `path`; the suffix chooses the container (mp4, mov, mkv, webm, ts, avi)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=_options(path, clip)) as output:
        stream = _video_stream(output, clip)
        audio = _Tone(output, clip.audio) if clip.audio else None
        subtitles = output.add_mux_stream("subrip") if clip.subtitles else None
        ticks = clip.time_base or Fraction(1, clip.rate)
        for number, pts in enumerate(_stamps(clip)):
            drawn = noise if clip.noise else picture
            frame = av.VideoFrame.from_ndarray(drawn(clip.width, clip.height, number), "rgb24")
            frame = frame.reformat(format=clip.pixels)
            frame.pts, frame.time_base = pts, ticks
            output.mux(stream.encode(frame))
            if audio is not None:
                audio.until(output, float((pts + 1) * ticks))
        output.mux(stream.encode(None))
        if audio is not None:
            audio.finish(output)
        if subtitles is not None:
            _write_subtitles(output, subtitles)
    return path


def picture(width: int, height: int, number: int) -> NDArray[np.uint8]:
    """`uint8 [height, width, 3]`: a coloured ramp with a bright disc that moves with `number`."""
    y, x = np.mgrid[0:height, 0:width]
    base = np.stack([x * 255 // max(1, width - 1), y * 255 // max(1, height - 1), (x + y + 3 * number) % 256], axis=2)
    disc = (x - (10 + 4 * number) % width) ** 2 + (y - height // 2) ** 2 < (height // 5) ** 2
    base[disc] = (240, 220, 200)
    return np.ascontiguousarray(base, dtype=np.uint8)


def noise(width: int, height: int, number: int) -> NDArray[np.uint8]:
    """`uint8 [height, width, 3]`: another one for each number, and the same for the same."""
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)


def variable_rate(path: Path, clip: Clip = SHORT) -> Path:
    """Frames at uneven times, in milliseconds."""
    gaps = [33, 40, 17, 100, 33, 250, 8]
    stamps = [sum(gaps[i % len(gaps)] for i in range(number)) for number in range(clip.frames)]
    return write(path, Clip(**{**clip.__dict__, "stamps": stamps, "time_base": Fraction(1, 1000)}))


def broken_in_the_middle(path: Path) -> Path:
    """An mp4 whose index is fine and whose second half is noise."""
    write(path, Clip(frames=48, bframes=0))
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        # Read here: an entry points into the container and is garbage after it.
        places = [(entry.pos, entry.size) for entry in container.streams.video[0].index_entries]
    for pos, size in places[len(places) // 2 :]:
        data[pos : pos + size] = b"\xff" * size
    path.write_bytes(data)
    return path


def truncated(path: Path) -> Path:
    """An mp4 with its index in front and the last third missing."""
    whole = path.with_suffix(".whole.mp4")
    write(whole, Clip(frames=48))
    data = whole.read_bytes()
    whole.unlink()
    path.write_bytes(data[: len(data) * 2 // 3])
    return path


def playlist(path: Path, neighbour: Path) -> Path:
    """A concat script that names the file beside it, under a video's name."""
    path.write_text(f"ffconcat version 1.0\nfile '{neighbour.name}'\n", encoding="utf-8")
    return path


def without_frames(path: Path) -> Path:
    """A video stream that was announced and never filled."""
    with av.open(str(path), "w") as output:
        _video_stream(output, SHORT)
        output.start_encoding()
    return path


def sound_only(path: Path) -> Path:
    """A file with a tone and no picture."""
    with av.open(str(path), "w") as output:
        tone = _Tone(output, "aac")
        tone.until(output, 1.0)
        tone.finish(output)
    return path


def still(path: Path, width: int = 160, height: int = 96, orientation: int = 1) -> Path:
    """A JPEG, PNG or WebP by its suffix; a JPEG may carry an EXIF orientation."""
    pixels = np.ascontiguousarray(picture(width, height, 0)[:, :, ::-1])
    done, encoded = cv2.imencode(path.suffix, pixels)
    assert done
    data = encoded.tobytes()
    if orientation != 1:
        assert data.startswith(b"\xff\xd8")
        tiff = (
            b"MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01"
            + bytes([0, orientation, 0, 0])
            + bytes(4)
        )
        exif = b"Exif\x00\x00" + tiff
        data = data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2) + exif + data[2:]
    path.write_bytes(data)
    return path


def huge_png(path: Path, side: int = 30_000) -> Path:
    """A PNG of a few kilobytes that says it is `side` pixels wide and high."""
    still(path)
    data = bytearray(path.read_bytes())
    data[16:24] = side.to_bytes(4) + side.to_bytes(4)
    path.write_bytes(data)
    return path


def _options(path: Path, clip: Clip) -> dict[str, str]:
    if path.suffix not in (".mp4", ".mov"):
        return {}
    ticks = clip.time_base or Fraction(1, clip.rate)
    scale = ticks.denominator if clip.time_base else 12_288
    flags = {} if clip.index_last else {"movflags": "+faststart"}
    return {**flags, "video_track_timescale": str(scale)}


def _video_stream(output: OutputContainer, clip: Clip) -> VideoStream:
    options = {"preset": "ultrafast", "bf": str(clip.bframes), "g": str(clip.keyframe_every)}
    stream = output.add_stream(clip.codec, rate=clip.rate, options=options if clip.codec == "libx264" else {})
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, clip.pixels
    if clip.time_base is not None:
        stream.codec_context.time_base = stream.time_base = clip.time_base
    if clip.sar is not None:
        stream.codec_context.sample_aspect_ratio = clip.sar
    if clip.colour is not None:
        context = stream.codec_context
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = clip.colour
    if clip.rotation:
        stream.set_display_rotation(clip.rotation)
    return stream


def _stamps(clip: Clip) -> Iterator[int]:
    return iter(clip.stamps if clip.stamps is not None else range(clip.frames))


class _Tone:
    """A sine of 440 Hz, encoded as it is needed so that the file is interleaved."""

    RATE = 48_000
    SAMPLES = 1024

    def __init__(self, output: OutputContainer, codec: str) -> None:
        stream = output.add_stream(codec, rate=self.RATE)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "mono"
        self._stream = stream
        self._format = "s16" if codec.startswith(("pcm", "flac", "libopus")) else "fltp"
        self._done = 0

    def until(self, output: OutputContainer, seconds: float) -> None:
        while self._done < seconds * self.RATE:
            moment = (np.arange(self.SAMPLES) + self._done) / self.RATE
            wave = 0.3 * np.sin(2 * np.pi * 440 * moment)
            samples = (wave * 32767).astype(np.int16) if self._format == "s16" else wave.astype(np.float32)
            frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), self._format, "mono")
            frame.sample_rate, frame.pts, frame.time_base = self.RATE, self._done, Fraction(1, self.RATE)
            output.mux(self._stream.encode(frame))
            self._done += self.SAMPLES

    def finish(self, output: OutputContainer) -> None:
        output.mux(self._stream.encode(None))


def _write_subtitles(output: OutputContainer, stream: Stream) -> None:
    for number, text in enumerate((b"first line", b"second line")):
        packet = av.Packet(text)
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = number * 400
        packet.duration = 300
        output.mux_one(packet)
