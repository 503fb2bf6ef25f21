"""`segfleet process`: the pipeline alone, without a server."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from coordinator.domain.planning import PRESETS, Codec, Quality
from interface_node.errors import NodeError, UnsupportedBackground
from protocol.states import Output
from protocol.work import Encoding, Fit, Refinement
from scripts import backgrounds
from scripts.commands.models import cache_folder

if TYPE_CHECKING:
    from interface_node.engine.session import ModelSession
    from interface_node.pipeline.spec import Backdrop, RunResult, RunSpec
    from interface_node.pipeline.spec import Progress as Step

Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"]
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
console = Console()
errors = Console(stderr=True)


def process(
    video: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A video, or a picture.")],
    background: Annotated[str, typer.Option("--background", "-b", help=backgrounds.HELP)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the composite goes.")],
    model: Annotated[str, typer.Option(help="Id or alias of a model.")] = "selfie",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    outputs: Annotated[list[Output] | None, typer.Option(help="composite, mask, foreground; repeat it.")] = None,
    fit: Annotated[Fit, typer.Option(help="How the background fills the frame.")] = "cover",
    loop: Annotated[bool, typer.Option("--loop/--hold", help="What a video does at its end.")] = True,
    codec: Annotated[Codec, typer.Option(help="Of the composite; hevc and av1 for HDR.")] = "h264",
    quality: Annotated[Quality, typer.Option(help="Preset and crf in one word.")] = "standard",
    preset: Annotated[Preset | None, typer.Option(help="The encoder's speed, x264's words for all codecs.")] = None,
    crf: Annotated[int | None, typer.Option(min=0, max=51, help="Its quality, x264's scale; less is better.")] = None,
    fragmented: Annotated[bool, typer.Option("--fragmented", help="Playable while written, as OUT.part.")] = False,
    foreground: Annotated[Literal["vp9", "prores"], typer.Option(help="How alpha is kept.")] = "vp9",
    refine_edges: Annotated[
        bool, typer.Option("--refine-edges", help="Let the mask follow the picture's edges.")
    ] = False,
    fill_holes: Annotated[bool, typer.Option("--fill-holes", help="Fill small holes in a body.")] = False,
    smooth: Annotated[bool, typer.Option("--smooth", help="Keep masks still where the picture is.")] = False,
) -> None:
    """Replace the background of one video or picture on this machine."""
    from interface_node.pipeline.spec import RunSpec

    speed, factor = PRESETS[quality]
    coding = {"codec": codec, "preset": preset or speed, "crf": factor if crf is None else crf}
    encoding = Encoding.model_validate(coding | {"foreground": foreground, "fragmented": fragmented})
    wanted = outputs or [Output.COMPOSITE]
    refinement = Refinement(edges=refine_edges, holes=fill_holes, smooth=smooth)
    try:
        behind = parse_background(background, fit, loop)
        session = _load(model, device)
        paths = {output: output_path(out, output, encoding) for output in wanted}
        make = _picture if video.suffix.lower() in PICTURES else _video
        result = make(RunSpec(video, behind, paths, encoding, refinement=refinement), session)
    except NodeError as error:
        errors.print(f"[red]{error.code}[/]: {error.detail}", soft_wrap=True)
        raise typer.Exit(1) from error
    _tell(result, session)


def parse_background(text: str, fit: Fit, loop: bool = True) -> "Backdrop":
    """What `--background` says, as the pipeline takes it; UnsupportedBackground for what is neither file nor kind."""
    from interface_node.pipeline.picture_header import is_picture
    from interface_node.pipeline.spec import Movie, Picture, backdrop

    try:
        found = backgrounds.parse(text)
    except backgrounds.NoBackground as error:
        raise UnsupportedBackground(str(error)) from error
    if not isinstance(found, Path):
        return backdrop(found, None)
    return Picture(found, fit) if is_picture(found) else Movie(found, fit, loop)


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


def _video(wish: "RunSpec", session: "ModelSession") -> "RunResult":
    from interface_node.pipeline.run import run
    from interface_node.pipeline.source import scan

    spec = replace(wish, range=scan(wish.source).whole())
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[fps]} fps"),
    )
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task(wish.source.name, total=None, fps="0")

        def show(step: "Step") -> None:
            bar.update(task, completed=step.done, total=step.total or None, fps=f"{step.fps:.0f}")

        return run(spec, session.segmenter(), show, lambda: False)


def _picture(wish: "RunSpec", session: "ModelSession") -> "RunResult":
    from interface_node.pipeline.image import ImageSpec, run_image

    suffix = next(iter(wish.outputs.values())).suffix.lower()
    kind: Literal["png", "webp", "jpeg"] = "webp" if suffix == ".webp" else "png" if suffix == ".png" else "jpeg"
    spec = ImageSpec(wish.source, wish.background, wish.outputs, kind, refinement=wish.refinement)
    return run_image(spec, session.segmenter(), lambda step: None, lambda: False)


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
