"""The pipeline against the floor (decode + encode, no model), MediaPipe's own loop and rembg's API.

    python -m scripts.bench.pipeline CLIP [--runs 7] [--only segfleet floor ffmpeg mediapipe mediapipe-hard rembg]

Default model, a picture behind, x264 veryfast crf 23. Every run is a process of its own, timed after its imports, with
the loading of the model; the runs are interleaved and the medians are compared, by wall clock and by CPU time, because
CPU time bears a noisy machine better. Those that we compare ourselves with get environments of their own, made on the
first use; what cannot be had is skipped aloud. MediaPipe's loop is judged with soft edges, as all others have them, and
shown with the hard ones of its example, too.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import imageio_ffmpeg

from interface_node.engine.session import load
from interface_node.models import catalogue, store
from interface_node.settings import from_environment
from scripts import samples
from scripts.bench.environments import NotHad, python_of
from scripts.bench.stub_node import table

CONTENDERS: Final = Path(__file__).with_name("contenders")
MEDIAPIPE: Final = ("mediapipe==0.10.21", "av>=14,<19")
REMBG: Final = ("rembg==2.0.67", "onnxruntime", "av>=14,<19")
NEWEST_PYTHON: Final = (3, 12)
"""The last that mediapipe 0.10.21 has wheels for."""
NAMES: Final = ("segfleet", "floor", "ffmpeg", "mediapipe", "mediapipe-hard", "rembg")


class Bar(NamedTuple):
    """What must hold between two medians of the wall clock: `slow` over `fast` is at least, or at most, `limit`."""

    slow: str
    fast: str
    limit: float
    at_most: bool


BARS: Final = (
    Bar("segfleet", "floor", 1.45, True),
    Bar("segfleet", "ffmpeg", 1.45, True),
    Bar("mediapipe", "segfleet", 3.5, False),
    Bar("rembg", "segfleet", 4.0, False),
)


@dataclass(frozen=True)
class Timing:
    """One run, in seconds."""

    frames: int
    wall_s: float
    cpu_s: float


Contender = Callable[[Path], Timing]
"""Writes the file that it is given."""


def contenders(clip: Path, background: Path, cache: Path, only: list[str]) -> dict[str, Contender]:
    """Those that can run here; says which cannot, and why."""
    manifest = catalogue.find(cache, "selfie")
    model = store.pull(cache, manifest)
    load(model, manifest.interface, "cpu")
    homes = cache / "bench"

    def mediapipe() -> list[str]:
        return _script(python_of(homes / "mediapipe", MEDIAPIPE, NEWEST_PYTHON), "mediapipe_loop.py")

    words: dict[str, Callable[[], list[str]]] = {
        "segfleet": lambda: [sys.executable, "-m", "scripts.bench.contenders.segfleet"],
        "floor": lambda: [sys.executable, "-m", "scripts.bench.contenders.floor"],
        "mediapipe": mediapipe,
        "mediapipe-hard": mediapipe,
        "rembg": lambda: _script(python_of(homes / "rembg", REMBG), "rembg_loop.py"),
    }
    found: dict[str, Contender] = {}
    for name in only:
        if name == "ffmpeg":
            found[name] = lambda target: _ffmpeg(clip, target)
            continue
        last = {"rembg": [str(model)], "mediapipe-hard": ["--hard"]}.get(name, [])
        try:
            found[name] = _child(words[name](), [str(clip), str(background)], last)
        except NotHad as error:
            print(f"SKIPPED {name.upper()}: {error}", flush=True)
    return found


def _script(python: Path, name: str) -> list[str]:
    return [str(python), str(CONTENDERS / name)]


def _child(words: list[str], first: list[str], last: list[str]) -> Contender:
    def run(target: Path) -> Timing:
        done = subprocess.run([*words, *first, str(target), *last], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{words[-1]} failed:\n{done.stderr[-2000:]}")
        said = json.loads(done.stdout.splitlines()[-1])
        return Timing(said["frames"], said["wall_s"], said["cpu_s"])

    return run


def _ffmpeg(clip: Path, target: Path) -> Timing:
    """The ffmpeg program that imageio-ffmpeg brings, the start of its process included."""
    program = str(imageio_ffmpeg.get_ffmpeg_exe())
    words = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-an", "-progress", "-", "-nostats"]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [program, "-v", "error", "-y", "-i", str(clip), *words, str(target)], capture_output=True, text=True, check=True
    )
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    frames = int(done.stdout.rpartition("frame=")[2].split()[0])
    return Timing(frames, wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def measured(found: dict[str, Contender], runs: int, folder: Path) -> dict[str, list[Timing]]:
    """Every contender so many times, in turns."""
    timings: dict[str, list[Timing]] = {name: [] for name in found}
    for number in range(runs):
        for name, contender in found.items():
            timing = contender(folder / f"{name}.mp4")
            timings[name].append(timing)
            print(f"run {number + 1}/{runs} {name}: {timing.wall_s:.2f} s, CPU {timing.cpu_s:.2f} s", flush=True)
    return timings


def rows_of(timings: dict[str, list[Timing]]) -> list[tuple[str, ...]]:
    """The table: medians, and how many times the floor and ours."""
    walls, cpus = medians(timings)
    rows: list[tuple[str, ...]] = [
        ("", "wall s", "CPU s", "fps", "CPU ms a frame", "times floor (wall, CPU)", "times ours (wall, CPU)")
    ]
    for name, taken in timings.items():
        frames = taken[0].frames
        rows.append(
            (
                name, f"{walls[name]:.2f}", f"{cpus[name]:.2f}", f"{frames / walls[name]:.1f}",
                f"{1000 * cpus[name] / frames:.1f}", _times(name, "floor", walls, cpus),
                _times(name, "segfleet", walls, cpus),
            )
        )  # fmt: skip
    return rows


def medians(timings: dict[str, list[Timing]]) -> tuple[dict[str, float], dict[str, float]]:
    """Wall clock and CPU time of each, in seconds."""
    walls = {name: statistics.median(timing.wall_s for timing in taken) for name, taken in timings.items()}
    cpus = {name: statistics.median(timing.cpu_s for timing in taken) for name, taken in timings.items()}
    return walls, cpus


def _times(name: str, of: str, walls: dict[str, float], cpus: dict[str, float]) -> str:
    return f"{walls[name] / walls[of]:.2f}, {cpus[name] / cpus[of]:.2f}" if of in walls else "-"


def verdicts(walls: dict[str, float]) -> list[tuple[bool, str]]:
    """Each bar that both sides ran for: whether it holds, and a line that says so."""
    found = []
    for bar in BARS:
        if bar.slow in walls and bar.fast in walls:
            ratio = walls[bar.slow] / walls[bar.fast]
            holds = ratio <= bar.limit if bar.at_most else ratio >= bar.limit
            words = "at most" if bar.at_most else "at least"
            line = f"{bar.slow} / {bar.fast} = {ratio:.2f} ({words} {bar.limit}): {'held' if holds else 'MISSED'}"
            found.append((holds, line))
    return found


def machine() -> str:
    """What this was measured on."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = (line for line in cpuinfo.read_text().splitlines() if line.startswith("model name"))
        name = next(lines, name).partition(":")[2].strip() or name
    return f"{name}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}"


def main() -> int:
    """0 when every bar holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path, help="a video file")
    parser.add_argument("--runs", type=int, default=7, help="how often each runs")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES), help="these contenders")
    options = parser.parse_args()
    cache = from_environment().segfleet_cache
    with tempfile.TemporaryDirectory(prefix="pipeline-") as name:
        found = contenders(options.clip, samples.background(cache), cache, options.only)
        timings = measured(found, options.runs, Path(name))
    print(f"{options.clip.name}, medians of {options.runs} interleaved runs on {machine()}")
    table(rows_of(timings))
    judged = verdicts(medians(timings)[0])
    for _, line in judged:
        print(line)
    return 0 if all(holds for holds, _ in judged) else 1


if __name__ == "__main__":
    sys.exit(main())
