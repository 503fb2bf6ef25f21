"""A second opinion on our files: the ffmpeg program that imageio-ffmpeg ships, never the libraries that wrote them."""

import hashlib
import re
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

SHOWN = re.compile(r"n:\s*\d+ pts:\s*(-?\d+) ")
COMPLAINT = re.compile(r"error|invalid|corrupt|non.?monoton", re.IGNORECASE)
TICKS = r"#tb (\d+): (\d+)/(\d+)"
TIME_BASE = re.compile(r"config in time_base: (\d+)/(\d+)")


@dataclass(frozen=True)
class Reading:
    """The times of the shown frames, in seconds and exact, and what the program complained about."""

    times: list[Fraction]
    complaints: list[str]


def frame_times(path: Path) -> Reading:
    """When each frame of the first video stream is shown."""
    kept = ["-fps_mode", "passthrough", "-enc_time_base", "demux"]
    text = _run("-copyts", "-i", str(path), "-map", "0:v:0", "-vf", "showinfo", *kept, "-f", "null", "-")
    found = TIME_BASE.search(text)
    assert found, text
    tick = Fraction(int(found[1]), int(found[2]))
    complaints = [line for line in text.splitlines() if COMPLAINT.search(line)]
    return Reading([int(pts) * tick for pts in SHOWN.findall(text)], complaints)


def rgb_frames(path: Path, size: tuple[int, int], every: int = 1) -> NDArray[np.uint8]:
    """Frames 0, `every`, 2 `every` ... as stored, `uint8 [n, h, w, 3]`; `size` is width and height."""
    return _frames(path, size, "rgb24", 3, ["-vf", f"select=not(mod(n\\,{every}))"])


def rgba_frames(path: Path, size: tuple[int, int], decoder: str | None = None) -> NDArray[np.uint8]:
    """Every frame with its alpha, `uint8 [n, h, w, 4]`."""
    return _frames(path, size, "rgba", 4, [], decoder)


def luma_and_chroma(path: Path, size: tuple[int, int]) -> tuple[NDArray[np.uint16], ...]:
    """Y, U and V of every frame as stored, at ten bits and 4:2:0: `uint16 [n, h, w]`, chroma's sides halved."""
    width, height = size
    command = [_program(), "-v", "error", "-noautorotate", "-i", str(path), "-map", "0:v:0"]
    command += ["-fps_mode", "passthrough", "-pix_fmt", "yuv420p10le", "-f", "rawvideo", "-"]
    data = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.uint16)
    half = ((height + 1) // 2, (width + 1) // 2)
    ends = [height * width, height * width + half[0] * half[1]]
    frames = data.reshape(-1, ends[1] + half[0] * half[1])
    luma, first, second = np.split(frames, ends, axis=1)
    return luma.reshape(-1, height, width), first.reshape(-1, *half), second.reshape(-1, *half)


def grey_and_chroma(path: Path, size: tuple[int, int], deep: bool) -> tuple[NDArray[np.uint16], ...]:
    """As `luma_and_chroma`, of a grey video: its numbers, which the program is not asked to convert, and no colour."""
    width, height = size
    pixels = "gray10le" if deep else "gray"
    command = [_program(), "-v", "error", "-noautorotate", "-i", str(path), "-map", "0:v:0"]
    command += ["-fps_mode", "passthrough", "-pix_fmt", pixels, "-f", "rawvideo", "-"]
    data = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, "<u2" if deep else np.uint8)
    luma = data.reshape(-1, height, width).astype(np.uint16) * np.uint16(1 if deep else 4)
    chroma = np.full((len(luma), (height + 1) // 2, (width + 1) // 2), 512, np.uint16)
    return luma, chroma, chroma


def packet_hashes(path: Path, kind: str, stripped: str | None = None, place: int = 0) -> list[str]:
    """The md5 of every packet of the stream of `kind` (a, v or s) at that place among them, in file order; `stripped`
    names a filter of the program that takes the container's own bytes away, as `aac_adtstoasc` does."""
    strip = ["-bsf", stripped] if stripped else []
    command = ["-i", str(path), "-map", f"0:{kind}:{place}", "-c", "copy", *strip, "-f", "framemd5", "-"]
    return [line.split(",")[5].strip() for line in _packets(command)[1]]


def first_sound(path: Path) -> Fraction:
    """When the first audio packet is heard, in seconds and exact."""
    tick, lines = _packets(["-copyts", "-i", str(path), "-map", "0:a:0", "-c", "copy", "-f", "framemd5", "-"])
    return int(lines[0].split(",")[2]) * tick


def _packets(command: list[str]) -> tuple[Fraction, list[str]]:
    """The time base, and a line for each packet."""
    done = subprocess.run([_program(), "-v", "error", *command], capture_output=True, check=True)
    lines = done.stdout.decode().splitlines()
    tick = next(line for line in lines if line.startswith("#tb 0:")).split()[2]
    return Fraction(tick), [line for line in lines if not line.startswith("#")]


def description(path: Path) -> str:
    """What the program prints about the streams of a file."""
    return _run("-i", str(path), "-t", "0", "-f", "null", "-")


def picture_hash(path: Path) -> str:
    """The sha256 over every decoded frame of the first video stream."""
    command = [_program(), "-v", "error", "-i", str(path), "-map", "0:v:0", "-f", "rawvideo", "-"]
    return hashlib.sha256(subprocess.run(command, capture_output=True, check=True).stdout).hexdigest()


def frame_hashes(path: Path) -> list[str]:
    """The md5 of every decoded frame of the first video stream, its alpha included."""
    before = ["-c:v", "libvpx-vp9"] if path.suffix == ".webm" else []
    command = [_program(), "-v", "error", "-noautorotate", *before, "-i", str(path), "-map", "0:v:0"]
    command += ["-fps_mode", "passthrough", "-f", "framemd5", "-"]
    output = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    return [line.split(",")[5].strip() for line in output.splitlines() if not line.startswith("#")]


def streams(path: Path) -> list[str]:
    """What the program prints about each stream of a file and its side data, less the average rates."""
    lines = description(path).partition("Output #0")[0].partition("Stream mapping")[0].splitlines()
    first = next(index for index, line in enumerate(lines) if "Stream #0" in line)
    kept = [line for line in lines[first:] if not re.search(r"DURATION|ENCODER|encoder|creation_time", line)]
    return [re.sub(r", [\d.]+ (kb/s|fps)", "", line).strip() for line in kept]


def packet_times(path: Path) -> dict[int, list[Fraction]]:
    """When the packets of each stream are presented, in seconds, in file order."""
    command = [_program(), "-v", "error", "-copyts", "-i", str(path), "-map", "0", "-c", "copy", "-f", "framecrc", "-"]
    output = subprocess.run(command, capture_output=True, check=True).stdout.decode().splitlines()
    ticks = {int(n): Fraction(int(num), int(den)) for n, num, den in re.findall(TICKS, "\n".join(output))}
    found: dict[int, list[Fraction]] = {stream: [] for stream in ticks}
    for fields in (line.split(",") for line in output if not line.startswith("#")):
        found[int(fields[0])].append(int(fields[2]) * ticks[int(fields[0])])
    return found


def _frames(
    path: Path, size: tuple[int, int], pixels: str, channels: int, chosen: list[str], decoder: str | None = None
) -> NDArray[np.uint8]:
    width, height = size
    before = ["-c:v", decoder] if decoder else []
    command = [_program(), "-v", "error", "-noautorotate", *before, "-i", str(path), "-map", "0:v:0"]
    command += [*chosen, "-fps_mode", "passthrough", "-pix_fmt", pixels, "-f", "rawvideo", "-"]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(data, np.uint8).reshape(-1, height, width, channels)


def _run(*arguments: str) -> str:
    done = subprocess.run([_program(), "-hide_banner", *arguments], capture_output=True, check=True)
    return done.stderr.decode("utf-8", "replace")


def _program() -> str:
    return str(imageio_ffmpeg.get_ffmpeg_exe())
