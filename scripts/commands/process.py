"""`segfleet process`: the pipeline alone, without a server."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from interface_node.errors import NodeError, UnsupportedBackground
from protocol.states import Output
from protocol.work import Encoding, Fit
from scripts.commands.models import cache_folder

if TYPE_CHECKING:
    from interface_node.engine.session import ModelSession
    from interface_node.pipeline.spec import Backdrop, RunResult
    from interface_node.pipeline.spec import Progress as Step

Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"]
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
console = Console()
errors = Console(stderr=True)


def process(
    video: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A video, or a picture.")],
    background: Annotated[str, typer.Option("--background", "-b", help="A picture, color:#rrggbb, blur or blur:0..1.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the composite goes.")],
    model: Annotated[str, typer.Option(help="Id or alias of a model.")] = "selfie",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    outputs: Annotated[list[Output] | None, typer.Option(help="composite, mask, foreground; repeat it.")] = None,
    fit: Annotated[Fit, typer.Option(help="How the picture fills the frame.")] = "cover",
    preset: Annotated[Preset, typer.Option(help="x264's speed.")] = "veryfast",
    crf: Annotated[int, typer.Option(min=0, max=51, help="x264's quality; less is better.")] = 20,
    foreground: Annotated[Literal["vp9", "prores"], typer.Option(help="How alpha is kept.")] = "vp9",
) -> None:
    """Replace the background of one video or picture on this machine."""
    encoding = Encoding(preset=preset, crf=crf, foreground=foreground)
    wanted = outputs or [Output.COMPOSITE]
    try:
        behind = parse_background(background, fit)
        session = _load(model, device)
        paths = {output: output_path(out, output, encoding) for output in wanted}
        result = (_picture if video.suffix.lower() in PICTURES else _video)(video, behind, paths, encoding, session)
    except NodeError as error:
        errors.print(f"[red]{error.code}[/]: {error.detail}", soft_wrap=True)
        raise typer.Exit(1) from error
    _tell(result, session)


def parse_background(text: str, fit: Fit) -> "Backdrop":
    """`color:#rrggbb`, `blur`, `blur:0..1` or the path of a picture; UnsupportedBackground for anything else."""
    from interface_node.pipeline.spec import Blur, Picture, plain

    kind, _, value = text.partition(":")
    if kind in ("color", "colour"):
        return plain(value)
    if Path(text).is_file():
        return Picture(Path(text), fit)
    if kind == "blur":
        return Blur(_strength(value))
    if text == "transparent":
        raise UnsupportedBackground(f"{text} backgrounds are not made yet")
    raise UnsupportedBackground(f"{text!r} is neither a file nor color:#rrggbb nor blur")


def _strength(value: str) -> float:
    """How strong a blur is, 0..1; half when nothing is said."""
    try:
        strength = float(value or 0.5)
    except ValueError:
        strength = -1.0
    if not 0 <= strength <= 1:
        raise UnsupportedBackground(f"blur:{value} is not a strength from 0 to 1")
    return strength


def output_path(out: Path, output: Output, encoding: Encoding) -> Path:
    """Where an output goes: the composite to `out`, the others beside it."""
    if output is Output.COMPOSITE:
        return out
    if out.suffix.lower() in PICTURES:
        return out.with_name(f"{out.stem}-{output}{out.suffix}")
    suffix = {Output.MASK: ".mp4", Output.FOREGROUND: ".webm" if encoding.foreground == "vp9" else ".mov"}
    return out.with_name(f"{out.stem}-{output}{suffix[output]}")


def _load(model: str, device: str) -> "ModelSession":
    from interface_node.engine.session import load
    from interface_node.models import catalogue, store

    cache = cache_folder()
    manifest = catalogue.find(cache, model)
    with console.status(f"loading {manifest.id} ..."):
        return load(store.pull(cache, manifest), manifest.interface, device)


def _video(
    video: Path, behind: "Backdrop", paths: dict[Output, Path], encoding: Encoding, session: "ModelSession"
) -> "RunResult":
    from interface_node.pipeline.run import run
    from interface_node.pipeline.source import scan
    from interface_node.pipeline.spec import RunSpec

    spec = RunSpec(video, behind, paths, encoding, scan(video).whole())
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[fps]} fps"),
    )
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task(video.name, total=None, fps="0")

        def show(step: "Step") -> None:
            bar.update(task, completed=step.done, total=step.total or None, fps=f"{step.fps:.0f}")

        return run(spec, session.segmenter(), show, lambda: False)


def _picture(
    video: Path, behind: "Backdrop", paths: dict[Output, Path], encoding: Encoding, session: "ModelSession"
) -> "RunResult":
    from interface_node.pipeline.image import ImageSpec, run_image

    suffix = next(iter(paths.values())).suffix.lower()
    kind: Literal["png", "webp", "jpeg"] = "webp" if suffix == ".webp" else "png" if suffix == ".png" else "jpeg"
    return run_image(ImageSpec(video, behind, paths, kind), session.segmenter(), lambda step: None, lambda: False)


def _tell(result: "RunResult", session: "ModelSession") -> None:
    for made in result.outputs:
        console.print(f"{made.output}: {made.path} ({made.size:,} bytes)", soft_wrap=True)
    if result.frames == 1:
        return
    console.print(
        f"{result.frames} frames in {result.total_s:.1f} s on {session.device.label}: {result.fps:.1f} fps"
        f" (model loaded in {session.load_s:.2f} s, first frame after {result.first_frame_s:.2f} s)",
        soft_wrap=True,
    )
    if result.corrupt_frames:
        console.print(f"{result.corrupt_frames} frames of the source are damaged; they were kept")
