"""`segfleet bench`: how fast this machine is, with each model and size; nodes of this machine tell the coordinator."""

import tempfile
import time
from collections.abc import Iterator
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
    from interface_node.engine.interface import Segmenter
    from interface_node.engine.session import ModelSession
    from interface_node.jobs.speeds import Speed
    from interface_node.models.manifest import Manifest


class Size(StrEnum):
    """What a trial's clip is called by."""

    SMALL = "360p"
    HD = "720p"
    FULL_HD = "1080p"


SIZES: Final = {Size.SMALL: (640, 360), Size.HD: (1280, 720), Size.FULL_HD: (1920, 1080)}
FEWEST, MOST = 2, 480
"""Frames of a trial. With a model that takes seconds for each, what lies between two of them says enough."""
PIPELINE_S: Final = 0.008
"""A guess at what a frame costs beside the model, to choose the length of a trial."""


@dataclass(frozen=True)
class Trial:
    """One model on one size. `fps` counts from the first frame on."""

    speed: "Speed"
    frames: int
    load_s: float
    first_frame_s: float


@dataclass(frozen=True)
class Failure:
    """One model that could not be tried, on one size or, where that is empty, at all."""

    model: str
    size: str
    error: NodeError


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
    cache = cache_folder()
    done: list[Trial | Failure] = []
    for manifest in _wanted(cache, model or []):
        done += _tried(cache, manifest, size or list(SIZES), device, seconds, fetch=bool(model))
    _show(done)
    trials = [one for one in done if isinstance(one, Trial)]
    if keep and trials:
        _keep(cache, trials)
    if len(trials) < len(done):
        raise typer.Exit(1)


def _wanted(cache: Path, names: list[str]) -> list["Manifest"]:
    """The models of those names; without names, all that are here."""
    from interface_node.models import catalogue, store

    try:
        if names:
            return [catalogue.find(cache, name) for name in names]
        here = [one for one in catalogue.known(cache).values() if store.is_ready(cache, one)]
    except NodeError as error:
        raise Refusal(f"{error.code}: {error.detail}") from error
    if not here:
        raise Refusal("There is no model on this machine; `segfleet models pull` fetches the default one.")
    return here


def _tried(
    cache: Path, manifest: "Manifest", sizes: list[Size], device: str, seconds: float, *, fetch: bool
) -> Iterator[Trial | Failure]:
    """A model that cannot be had or loaded is one failure, and so is each size at which it fails."""
    from interface_node.engine.session import load
    from interface_node.models import store

    try:
        with console.status(f"loading {manifest.id} ..."):
            path = (store.pull if fetch else store.onnx_path)(cache, manifest)
            loaded = load(path, manifest.interface, device)
            frames = length_of(loaded.segmenter(), seconds)
    except NodeError as error:
        yield Failure(manifest.id, "", error)
        return
    for size in sizes:
        try:
            with console.status(f"{manifest.id} at {size} ..."):
                yield _trial(loaded, manifest, size, frames)
        except NodeError as error:
            yield Failure(manifest.id, size, error)


def length_of(segmenter: "Segmenter", seconds: float) -> int:
    """As many frames as take about `seconds`, by the model's time for one."""
    import numpy as np

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


def _show(done: list[Trial | Failure]) -> None:
    table = Table("model", "size", "fps", "frames", "model loaded", "first frame", "provider")
    for one in done:
        if isinstance(one, Failure):
            table.add_row(one.model, one.size, one.error.code)
            continue
        speed = one.speed
        table.add_row(
            speed.model, f"{speed.width}x{speed.height}", f"{speed.fps:.1f}", str(one.frames),
            f"{one.load_s:.2f} s", f"{one.first_frame_s:.2f} s", speed.provider,
        )  # fmt: skip
    console.print(table)
    for one in done:
        if isinstance(one, Failure):
            errors.print(f"{one.model}: {one.error.code}: {one.error.detail}", style="red", soft_wrap=True)


def _keep(cache: Path, trials: list[Trial]) -> None:
    from interface_node.jobs import speeds

    place = speeds.place(cache)
    try:
        speeds.keep(cache, [trial.speed for trial in trials])
    except OSError as error:
        raise Refusal(f"The speeds are not kept: {place} cannot be written ({error.strerror}).") from error
    errors.print(f"kept in {place}", soft_wrap=True, markup=False, highlight=False)
