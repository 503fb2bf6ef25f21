"""One video over many nodes: the wall clock on 1, 2 and 4 nodes, and whether anything of the source is missing.

    python -m scripts.bench.segments CLIP [--seconds 60] [--nodes 1 2 4] [--segment-seconds 10] [--only steady uneven]

The clip is looped, with a tone, and encoded as an mp4 at a steady rate, as one with uneven times, as a transport stream
and as one that is refreshed by and by instead of by key frames. Each goes through `segfleet up` with so many nodes. The
ffmpeg program reads source and result: as many frames, each at its time, the sound's packets untouched, and as long
after the picture as before. The first line is one step on one node: what cutting costs in bytes, and how far the
pictures of both results lie apart.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import imageio_ffmpeg

from scripts import access
from scripts.bench.stub_node import table
from scripts.client import Client

_UNEVEN: Final = r"settb=1/1000,setpts=N*40+13*mod(N\,3)+90*floor(N/11)"
_X264: Final = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac")
_TICKS: Final = ("-fps_mode", "passthrough", "-enc_time_base", "1:1000", "-video_track_timescale", "1000")
VARIANTS: Final = {
    "steady": ("mp4", _X264),
    "uneven": ("mp4", ("-vf", _UNEVEN, *_X264, "-bf", "3", *_TICKS)),
    "transport": ("ts", _X264),
    "refreshed": ("ts", (*_X264, "-x264-params", "intra-refresh=1:keyint=60:bframes=0")),
}
STRIP_ADTS: Final = "aac_adtstoasc"
WHOLE_S: Final = 3600


@dataclass(frozen=True)
class Seen:
    """What the ffmpeg program reads of a file: times in seconds, hashes of the sound's packets."""

    times: list[Fraction]
    sound: list[str]
    lag: Fraction

    @property
    def from_first(self) -> list[Fraction]:
        """The times of the frames after the first one's."""
        return [one - self.times[0] for one in self.times]


@dataclass(frozen=True)
class Made:
    """A result, its wall clock from the submission to the end, and how many segments and nodes made it."""

    path: Path
    seconds: float
    segments: int
    nodes: int


def ffmpeg(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """The program that imageio-ffmpeg brings."""
    command = [str(imageio_ffmpeg.get_ffmpeg_exe()), "-hide_banner", "-nostats", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def write_variants(clip: Path, folder: Path, seconds: int, names: Sequence[str]) -> dict[str, Path]:
    """The sources."""
    found = {}
    for name in names:
        suffix, words = VARIANTS[name]
        found[name] = folder / f"{name}.{suffix}"
        tone = ("-f", "lavfi", "-i", "sine=frequency=440")
        ffmpeg("-y", "-stream_loop", "-1", "-i", clip, *tone, "-map", "0:v", "-map", "1:a", *words, "-t", str(seconds),
               found[name])  # fmt: skip
    return found


def seen(path: Path) -> Seen:
    """Read a file."""
    picture = ("-map", "0:v:0", "-vf", "scale=16:16", "-fps_mode", "passthrough", "-enc_time_base", "demux")
    frames = _lines("-copyts", "-i", path, *picture, "-f", "framemd5", "-")
    sound = _lines("-copyts", "-i", path, "-map", "0:a:0", "-c", "copy", "-bsf", STRIP_ADTS, "-f", "framemd5", "-")
    times = [when for when, _ in frames]
    return Seen(times, [digest for _, digest in sound], sound[0][0] - times[0])


def _lines(*words: str | Path) -> list[tuple[Fraction, str]]:
    lines = ffmpeg(*words).stdout.splitlines()
    tick = Fraction(next(line for line in lines if line.startswith("#tb 0:")).split()[2])
    rows = [line.split(",") for line in lines if not line.startswith("#")]
    return [(int(row[2]) * tick, row[5].strip()) for row in rows]


def differences(source: Seen, result: Seen) -> str:
    """What of the source the result does not keep, in words."""
    wrong = []
    if len(source.times) != len(result.times):
        wrong.append(f"{len(result.times)} frames instead of {len(source.times)}")
    elif source.from_first != result.from_first:
        pairs = zip(source.from_first, result.from_first, strict=True)
        wrong.append(f"times up to {max(float(abs(a - b)) for a, b in pairs) * 1000:.3f} ms off")
    if source.sound != result.sound:
        wrong.append("other sound")
    if abs(source.lag - result.lag) > Fraction(1, 1000):
        wrong.append(f"the sound begins {float(result.lag - source.lag) * 1000:.1f} ms later")
    return "; ".join(wrong) or "equal"


@contextmanager
def fleet(folder: Path, nodes: int, segment_s: float) -> Iterator[Client]:
    """`segfleet up` with so many nodes, and its administrator's client."""
    home = folder / f"fleet-{nodes}-{segment_s:g}"
    home.mkdir()
    keys = {"SEGFLEET_HOME": str(home), "SEGMENT_SECONDS": f"{segment_s:g}", "NODE_SLOTS": "1"}
    command = [sys.executable, "-m", "scripts.segfleet", "up", "--port", "0", "--node-port", "0", "--nodes", str(nodes)]
    with (home / "up.log").open("wb") as log:
        running = subprocess.Popen(command, env={**os.environ, **keys}, stdout=subprocess.PIPE, stderr=log)
    try:
        assert running.stdout is not None
        line = running.stdout.readline().decode()
        way = access.read(home / "cli.json")
        if not line.startswith("ready ") or way is None:
            raise SystemExit(f"the fleet did not start; look into {home / 'up.log'}")
        with Client(way) as client:
            yield client
    finally:
        running.terminate()
        running.wait(60)


def made(client: Client, source: Path, folder: Path) -> Made:
    """Put a file through the fleet."""
    video = client.upload("videos", source, lambda done, size: None)
    body = {"video_id": video["id"], "background": {"kind": "color", "color": "#204060"}}
    began = time.monotonic()
    task = client.wait(client.create_task(body, f"bench-{source.name}")["id"], lambda task: None)
    seconds = time.monotonic() - began
    if task["state"] != "completed":
        raise SystemExit(f"{source.name}: {task['state']}, {task.get('error')}")
    path = folder / f"{source.stem}-{task['id']}.mp4"
    client.download(task, "composite", path, lambda done, size: None)
    steps = client.call("GET", f"/tasks/{task['id']}/steps")["items"]
    segments = [step for step in steps if step["kind"] == "segment"]
    return Made(path, seconds, len(segments), len({step["node"] for step in segments}))


def apart(one: Path, other: Path) -> str:
    """The mean PSNR between two results, in dB."""
    words = ffmpeg("-i", one, "-i", other, "-lavfi", "[0:v][1:v]psnr", "-f", "null", "-").stderr
    found = re.search(r"average:(\S+)", words)
    return f"{found[1]} dB" if found else "unknown"


def main() -> int:
    """0 when every result kept everything."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="segments-") as name:
        folder = Path(name)
        sources = write_variants(options.clip, folder, options.seconds, options.only)
        known = {name: seen(path) for name, path in sources.items()}
        rows: list[tuple[str, ...]] = [("source", "nodes", "segments", "seconds", "frames", "compared")]
        with fleet(folder, 1, WHOLE_S) as client:
            first = next(iter(sources))
            whole = made(client, sources[first], folder)
            rows.append(_row(first, 1, whole, known[first]))
        for nodes in options.nodes:
            with fleet(folder, nodes, options.segment_seconds) as client:
                for name, path in sources.items():
                    found = made(client, path, folder)
                    rows.append(_row(name, nodes, found, known[name]))
                    if name == first and nodes == options.nodes[0]:
                        cost = 100 * (found.path.stat().st_size / whole.path.stat().st_size - 1)
                        print(
                            f"{first} in segments: {cost:+.1f} % bytes, {apart(found.path, whole.path)} from one step"
                        )
        table(rows)
    return int(any(row[-1] != "equal" for row in rows[1:]))


def _row(name: str, nodes: int, found: Made, source: Seen) -> tuple[str, ...]:
    result = seen(found.path)
    used = f"{found.nodes} of {nodes}"
    words = differences(source, result)
    return name, used, str(found.segments), f"{found.seconds:.1f}", str(len(result.times)), words


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path, help="a video file that is looped")
    parser.add_argument("--seconds", type=int, default=60, help="length of the sources")
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 2, 4], help="how many nodes, one run each")
    parser.add_argument("--segment-seconds", type=float, default=10.0, help="SEGMENT_SECONDS")
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS), help="these sources")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
