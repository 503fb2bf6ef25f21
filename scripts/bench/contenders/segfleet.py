"""Our pipeline, the model's load included.

    python -m scripts.bench.contenders.segfleet CLIP BACKGROUND RESULT [--constant]

`--constant` asks no model: everything is the person.
"""

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from interface_node.engine.interface import Segmenter
from interface_node.engine.session import load
from interface_node.models import catalogue, store
from interface_node.pipeline.run import run
from interface_node.pipeline.source import scan
from interface_node.pipeline.spec import Picture, RunSpec
from interface_node.settings import from_environment
from protocol.states import Output
from protocol.work import Encoding


class Constant:
    """Answers "all person" without a model."""

    size = (256, 256)

    def alpha(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        """`[3, h, w]` -> ones `[h, w]`."""
        return np.ones(rgb.shape[1:], np.float32)

    def stop(self) -> None:
        """Nothing runs long."""


def main() -> None:
    """Replace the background of the clip."""
    clip, background, result, *options = sys.argv[1:]
    cache = from_environment().segfleet_cache
    manifest = catalogue.find(cache, "selfie")
    imports_mib = peak_mib()
    began, cpu = time.perf_counter(), time.process_time()
    segmenter: Segmenter
    if "--constant" in options:
        segmenter = Constant()
    else:
        segmenter = load(store.onnx_path(cache, manifest), manifest.interface, "cpu").segmenter()
    loaded = time.perf_counter() - began
    encoding = Encoding(preset="veryfast", crf=23)
    spec = RunSpec(
        Path(clip), Picture(Path(background)), {Output.COMPOSITE: Path(result)}, encoding, scan(Path(clip)).whole()
    )
    done = run(spec, segmenter, lambda progress: None, lambda: False)
    spent = {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
    parts = {"load_s": loaded, "first_frame_s": done.first_frame_s, "process_s": done.total_s}
    memory = {"imports_mib": imports_mib, "peak_mib": peak_mib()}
    print(json.dumps({"frames": done.frames, **spent, **parts, **memory}))


def peak_mib() -> float:
    """The most memory that this process had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
