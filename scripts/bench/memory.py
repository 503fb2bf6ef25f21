"""Peak memory of the pipeline for a long video against that for a short one: it must not grow with the length.

    python -m scripts.bench.memory CLIP [--short 20] [--long 600] [--model]

The clip's packets are looped by stream copy to so many seconds. Each video goes through the pipeline in a process of
its own (`contenders/segfleet.py`), which tells its peak (`ru_maxrss`) after its imports and at its end; a constant
answer stands for the model unless `--model` is given, because a model needs as much for every frame. Composite only,
x264 veryfast crf 23. The bar: the long one's peak is at most 1.2 times the short one's.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

import imageio_ffmpeg

from interface_node.settings import from_environment
from scripts import samples
from scripts.bench.stub_node import table

MOST: Final = 1.2


class Peak(NamedTuple):
    """What one run said; memory is the most that it had so far, after its imports and at its end."""

    frames: int
    wall_s: float
    imports_mib: float
    peak_mib: float


def looped(clip: Path, seconds: int, target: Path) -> Path:
    """The clip again and again, its packets untouched."""
    program = str(imageio_ffmpeg.get_ffmpeg_exe())
    words = ["-v", "error", "-y", "-stream_loop", "-1", "-i", str(clip), "-map", "0:v:0", "-c", "copy"]
    subprocess.run([program, *words, "-t", str(seconds), str(target)], check=True)
    return target


def peak_of(clip: Path, background: Path, target: Path, model: bool) -> Peak:
    """Run the pipeline in a process of its own; the file that it makes is removed."""
    words = ["-m", "scripts.bench.contenders.segfleet", str(clip), str(background), str(target)]
    words += [] if model else ["--constant"]
    done = subprocess.run([sys.executable, *words], stdout=subprocess.PIPE, text=True, check=True)
    target.unlink()
    said = json.loads(done.stdout.splitlines()[-1])
    return Peak(said["frames"], said["wall_s"], said["imports_mib"], said["peak_mib"])


def main() -> int:
    """0 when memory is flat."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path, help="a video file")
    parser.add_argument("--short", type=int, default=20, help="seconds of the short video")
    parser.add_argument("--long", type=int, default=600, help="seconds of the long video")
    parser.add_argument("--model", action="store_true", help="with the default model")
    options = parser.parse_args()
    background = samples.background(from_environment().segfleet_cache)
    rows: list[tuple[str, ...]] = [("seconds", "frames", "took s", "after imports MiB", "peak MiB")]
    peaks = []
    with tempfile.TemporaryDirectory(prefix="memory-") as name:
        for seconds in (options.short, options.long):
            video = looped(options.clip, seconds, Path(name) / f"{seconds}.mp4")
            peak = peak_of(video, background, Path(name) / "out.mp4", options.model)
            peaks.append(peak.peak_mib)
            rows.append((str(seconds), str(peak.frames), f"{peak.wall_s:.0f}", f"{peak.imports_mib:.0f}",
                         f"{peak.peak_mib:.0f}"))  # fmt: skip
    table(rows)
    ratio = peaks[1] / peaks[0]
    print(f"long / short = {ratio:.3f} (at most {MOST}): {'held' if ratio <= MOST else 'MISSED'}")
    return int(ratio > MOST)


if __name__ == "__main__":
    sys.exit(main())
