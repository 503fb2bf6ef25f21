"""Odd videos, as cameras, recorders and editors leave them, made by the ffmpeg program."""

import subprocess
from pathlib import Path
from typing import Final

import imageio_ffmpeg

SECONDS: Final = 8
_PICTURES: Final = "testsrc2=size=160x96:rate=24:duration="
_TONE: Final = "sine=frequency=440:duration="
_X264: Final = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p"
_OPEN: Final = "open-gop=1:keyint=24:min-keyint=24:bframes=3:b-adapt=0:scenecut=0"
_REFRESH: Final = "intra-refresh=1:keyint=24:bframes=0"
_X265: Final = "-c:v libx265 -preset ultrafast -pix_fmt yuv420p -x265-params"
_HEVC: Final = "keyint=24:min-keyint=24:bframes=3:b-adapt=0:log-level=none"
_UNEVEN: Final = r"settb=1/1000,setpts=N*40+13*mod(N\,3)+90*floor(N/11)"
_TICKS: Final = "-video_track_timescale 1000"

_ENCODED: Final = {
    "closed.mp4": f"{_X264} -g 24 -bf 2 -c:a aac",
    "closed.ts": f"{_X264} -g 24 -bf 2 -c:a aac",
    "open.mp4": f"-c:v libx264 -preset veryfast -x264-params {_OPEN} -pix_fmt yuv420p -c:a aac",
    "open.ts": f"-c:v libx264 -preset veryfast -x264-params {_OPEN} -pix_fmt yuv420p -c:a aac",
    "intra-refresh.mp4": f"-c:v libx264 -preset veryfast -x264-params {_REFRESH} -pix_fmt yuv420p -c:a aac",
    "intra-refresh.ts": f"-c:v libx264 -preset veryfast -x264-params {_REFRESH} -pix_fmt yuv420p -c:a aac",
    "one-keyframe.mp4": f"{_X264} -g 9999 -bf 2 -an",
    "open-hevc.mp4": f"{_X265} open-gop=1:{_HEVC} -tag:v hvc1 -an",
    "open-hevc.ts": f"{_X265} open-gop=1:{_HEVC} -an",
    "radl-hevc.mp4": f"{_X265} open-gop=0:radl=2:{_HEVC} -an",
    "mpeg2.ts": "-c:v mpeg2video -g 12 -bf 2 -c:a mp2",
    "mpeg4.avi": "-c:v mpeg4 -g 24 -bf 2 -an",
    "counted.avi": f"{_X264} -g 24 -bf 2 -an",
    "hidden-frames.webm": "-c:v libvpx-vp9 -cpu-used 8 -g 48 -auto-alt-ref 1 -lag-in-frames 16 -c:a libopus",
    "fragments.mp4": f"{_X264} -g 24 -bf 2 -movflags frag_keyframe+empty_moov -c:a aac",
    "uneven.mp4": f"-vf {_UNEVEN} {_X264} -bf 3 -g 24 -fps_mode passthrough -enc_time_base 1:1000 {_TICKS} -c:a aac",
    "colliding.mp4": f"-vf {_UNEVEN} {_X264} -bf 3 -g 24 -fps_mode passthrough {_TICKS} -an",
}
_COPIED: Final = {
    "edited.mp4": ("closed.mp4", "-ss 1.3", "-c copy"),
    "edited-open.mp4": ("open.mp4", "-ss 1.3", "-c copy"),
    "trimmed.mp4": ("closed.mp4", "", "-c copy -t 4.03"),
    "early.mov": ("closed.mp4", "", "-c copy -output_ts_offset -3"),
    "some-untimed.mkv": ("open.mp4", "-ss 2.7", "-c copy -avoid_negative_ts disabled"),
    "no-cues.mkv": ("closed.mp4", "", "-c copy -live 1"),
    "wraps.ts": ("closed.mp4", "", "-c copy -copyts -output_ts_offset 95440"),
}
TORN: Final = {
    f"torn-{name}": name for name in ("closed.ts", "open.ts", "open-hevc.ts", "mpeg2.ts", "intra-refresh.ts")
}
"""Recordings that begin in the middle of something."""

UNTIMED: Final = frozenset({"counted.avi", "colliding.mp4", "some-untimed.mkv"})
"""Their frames have no timestamps that can be trusted."""

NAMES: Final = (*_ENCODED, *_COPIED, *TORN)


def write(folder: Path, name: str, seconds: int = SECONDS) -> Path:
    """The clip of that name, one of `NAMES`; 24 frames a second, the uneven ones fewer."""
    path = folder / name
    if name in _ENCODED:
        encode(path, _ENCODED[name], seconds)
    elif name in _COPIED:
        base, before, after = _COPIED[name]
        _run(f"{before} -i {write(folder, base, seconds)} {after}", path)
    else:
        data = write(folder, TORN[name], seconds).read_bytes()
        path.write_bytes(data[len(data) // 3 // 188 * 188 :])
    return path


def encode(path: Path, arguments: str, seconds: int) -> Path:
    """A test picture and a tone, as `arguments` of the program say."""
    _run(f"-f lavfi -i {_PICTURES}{seconds} -f lavfi -i {_TONE}{seconds} {arguments}", path)
    return path


def _run(arguments: str, path: Path) -> None:
    command = [str(imageio_ffmpeg.get_ffmpeg_exe()), "-y", "-v", "error", *arguments.split(), str(path)]
    subprocess.run(command, capture_output=True, check=True)
