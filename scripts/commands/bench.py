"""`segfleet bench`: how fast this machine is, with each model and size; nodes of this machine tell the coordinator."""

import tempfile
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.table import Table

from interface_node.errors import NodeError
from scripts.commands.models import cache_folder
from scripts.refusal import Refusal, console, errors

if TYPE_CHECKING:
    from interface_node.engine.session import ModelSession
    from interface_node.jobs.speeds import Speed
    from interface_node.models.manifest import Manifest


class Size(StrEnum):
    """What a trial's clip is called by."""

    SMALL = "360p"
    HD = "720p"
    FULL_HD = "1080p"


SIZES: Final = {Size.SMALL: (640, 360), Size.HD: (1280, 720), Size.FULL_HD: (1920, 1080)}
FEWEST, MOST = 8, 480
"""Frames of a trial."""
PIPELINE_S: Final = 0.008
"""A guess at what a frame costs beside the model, to choose the length of a trial."""


@dataclass(frozen=True)
class Trial:
    """One model on one size. `fps` counts from the first frame on."""

    speed: "Speed"
    frames: int
    load_s: float
    first_frame_s: float


def bench(
    model: Annotated[list[str] | None, typer.Option(help="Id or alias; repeat it.  [default: all here]")] = None,
    size: Annotated[list[Size] | None, typer.Option(help="Repeat it.  [default: all]")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    seconds: Annotated[float, typer.Option(min=0.1, max=600, help="How long each trial may about take.")] = 4.0,
    keep: Annotated[
        bool, typer.Option(help="Let this machine's nodes tell these speeds from their next start.")
    ] = True,
) -> None:
    """Measure frames per second of this machine: decode, model, background, encode."""
    from interface_node.jobs import speeds

    cache = cache_folder()
    trials: list[Trial] = []
    try:
        for manifest in _wanted(cache, model or []):
            trials += _tried(cache, manifest, size or list(SIZES), device, seconds)
        if keep:
            speeds.keep(cache, [trial.speed for trial in trials])
    except NodeError as error:
        raise Refusal(f"{error.code}: {error.detail}") from error
    _show(trials)
    if keep:
        errors.print(f"kept in {speeds.place(cache)}", soft_wrap=True, markup=False, highlight=False)


def _wanted(cache: Path, names: list[str]) -> list["Manifest"]:
    """The models of those names, pulled where they are not here; without names, all that are here."""
    from interface_node.models import catalogue, store

    if names:
        found = [catalogue.find(cache, name) for name in names]
        for manifest in found:
            store.pull(cache, manifest)
        return found
    here = [one for one in catalogue.known(cache).values() if store.is_ready(cache, one)]
    if not here:
        raise Refusal("There is no model on this machine; `segfleet models pull` fetches the default one.")
    return here


def _tried(cache: Path, manifest: "Manifest", sizes: list[Size], device: str, seconds: float) -> list[Trial]:
    from interface_node.engine.session import load
    from interface_node.models import store

    with console.status(f"loading {manifest.id} ..."):
        loaded = load(store.onnx_path(cache, manifest), manifest.interface, device)
    frames = _length(loaded, seconds)
    found = []
    for size in sizes:
        with console.status(f"{manifest.id} at {size} ..."):
            found.append(_trial(loaded, manifest, size, frames))
    return found


def _length(loaded: "ModelSession", seconds: float) -> int:
    """As many frames as take about `seconds`, by the model's time for one."""
    import numpy as np

    segmenter = loaded.segmenter()
    width, height = segmenter.size
    began = time.perf_counter()
    segmenter.alpha(np.zeros((3, height, width), np.float32))
    return min(max(round(seconds / (time.perf_counter() - began + PIPELINE_S)), FEWEST), MOST)


def _trial(loaded: "ModelSession", manifest: "Manifest", size: Size, frames: int) -> Trial:
    from interface_node.jobs.speeds import Speed, software_version
    from interface_node.pipeline.run import run
    from interface_node.pipeline.spec import Plain, RunSpec
    from protocol.states import Output
    from scripts.bench import moving_clip

    width, height = SIZES[size]
    with tempfile.TemporaryDirectory(prefix="segfleet-bench-") as name:
        clip = moving_clip.write(Path(name) / "clip.mp4", width, height, frames)
        spec = RunSpec(clip, Plain(32, 160, 96), {Output.COMPOSITE: Path(name) / "out.mp4"})
        done = run(spec, loaded.segmenter(), lambda progress: None, lambda: False)
    fps = round((done.frames - 1) / (done.total_s - done.first_frame_s), 3)
    speed = Speed(
        model=manifest.id, width=width, height=height, fps=fps,
        provider=loaded.provider, software_version=software_version(),
    )  # fmt: skip
    return Trial(speed, done.frames, loaded.load_s, done.first_frame_s)


def _show(trials: list[Trial]) -> None:
    table = Table("model", "size", "fps", "frames", "model loaded", "first frame", "provider")
    for trial in trials:
        one = trial.speed
        table.add_row(
            one.model, f"{one.width}x{one.height}", f"{one.fps:.1f}", str(trial.frames),
            f"{trial.load_s:.2f} s", f"{trial.first_frame_s:.2f} s", one.provider,
        )  # fmt: skip
    console.print(table)
