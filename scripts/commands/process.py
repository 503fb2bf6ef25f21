"""`segfleet process`: the pipeline alone, without a server."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from coordinator.domain.planning import PRESETS, Codec, Quality
from interface_node.errors import NodeError, UnsupportedBackground
from protocol.states import Output
from protocol.work import Encoding, Fit, Refinement
from scripts import backgrounds
from scripts.commands import places
from scripts.commands.models import cache_folder, pulled, refused
from scripts.commands.quality_options import Decontaminate, FillHoles, RefineEdges, Smooth
from scripts.refusal import console, errors

if TYPE_CHECKING:
    from interface_node.engine.session import ModelSession
    from interface_node.pipeline.spec import Backdrop, RunResult, RunSpec
    from interface_node.pipeline.spec import Progress as Step

Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"]


def process(
    video: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A video, or a picture.")],
    background: Annotated[str, typer.Option("--background", "-b", help=backgrounds.HELP)],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Where the composite goes.")] = None,
    preview: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Nine frames first, or alone.")] = None,
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
    mask: Annotated[places.Masks, typer.Option(help="A grey video, or a ZIP with a PNG for each frame.")] = "video",
    refine_edges: RefineEdges = False,
    fill_holes: FillHoles = False,
    smooth: Smooth = False,
    decontaminate: Decontaminate = False,
) -> None:
    """Replace the background of one video or picture on this machine."""
    from interface_node.pipeline.spec import RunSpec

    _check_preview(video, out, preview)
    encoding = _encoding(quality, preset, crf, codec=codec, foreground=foreground, fragmented=fragmented)
    refinement = Refinement(edges=refine_edges, holes=fill_holes, smooth=smooth, decontaminate=decontaminate)
    try:
        paths = _places(video, out, outputs or [Output.COMPOSITE], encoding, mask) if out else {}
        places.check_apart([*paths.values(), *([preview] if preview else [])], video, background)
        spec = RunSpec(video, parse_background(background, fit, loop), paths, encoding, refinement=refinement)
        session = _load(model, device)
        if preview is not None:
            _preview(preview, spec, session)
        if out is not None:
            _tell(_picture(spec, session) if places.is_picture(video) else _video(spec, session), session)
    except places.Misplaced as error:
        raise typer.BadParameter(str(error)) from error
    except NodeError as error:
        raise refused(error) from error


def _encoding(quality: Quality, preset: Preset | None, crf: int | None, **more: object) -> Encoding:
    speed, factor = PRESETS[quality]
    return Encoding.model_validate({"preset": preset or speed, "crf": factor if crf is None else crf, **more})


def _places(
    video: Path, out: Path, outputs: list[Output], encoding: Encoding, mask: places.Masks
) -> dict[Output, Path]:
    if places.is_picture(video):
        return places.of_picture(out, outputs)
    return places.of_video(out, outputs, encoding, mask)


def _check_preview(video: Path, out: Path | None, preview: Path | None) -> None:
    """typer.BadParameter where there is nothing to write, or a sheet of what or as what nobody can say."""
    if out is None and preview is None:
        raise typer.BadParameter("give --out FILE, --preview FILE.png or both")
    if preview is not None and not places.is_picture(preview):
        raise typer.BadParameter(f"{preview} is no picture: --preview FILE.png, .jpg or .webp")
    if preview is not None and places.is_picture(video):
        raise typer.BadParameter("--preview is for videos; a picture is its own")


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


def _load(model: str, device: str) -> "ModelSession":
    from interface_node.engine.session import load
    from interface_node.models import catalogue

    cache = cache_folder()
    manifest = catalogue.find(cache, model)
    path = pulled(cache, manifest)
    with errors.status(f"loading {manifest.id} ..."):
        return load(path, manifest.interface, device)


def _preview(path: Path, wish: "RunSpec", session: "ModelSession") -> None:
    from scripts.commands.preview import write_preview

    frames = write_preview(path, wish, session)
    console.print(f"preview: {path} ({frames} frames)", soft_wrap=True)


def _video(wish: "RunSpec", session: "ModelSession") -> "RunResult":
    from interface_node.pipeline.run import run
    from interface_node.pipeline.source import scan

    spec = replace(wish, range=scan(wish.source).whole())
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[fps]} fps"),
    )
    with Progress(*columns, TimeRemainingColumn(), console=errors) as bar:
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
