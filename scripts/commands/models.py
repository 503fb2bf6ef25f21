"""`segfleet models`: which models there are, which are on this machine, and how to get one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Column, Table
from rich.text import Text

from interface_node.errors import NodeError
from scripts.refusal import console, errors

if TYPE_CHECKING:
    from interface_node.models.manifest import Manifest

app = typer.Typer(help="Look at the models of this machine and fetch them.", no_args_is_help=True)
NAME, NAMED = "NAME|FILE.toml", "Id or alias of a known model, or a manifest of your own."
WIDE: Final = 100
"""Columns of a terminal that holds the titles beside the rest."""


def cache_folder() -> Path:
    """$SEGFLEET_CACHE as the node's settings say it."""
    from interface_node.settings import SettingsError, from_environment

    try:
        return from_environment().segfleet_cache
    except SettingsError as error:
        errors.print(str(error), style="red", soft_wrap=True, highlight=False)
        raise typer.Exit(2) from error


@app.command(name="list")
def list_models() -> None:
    """Show every model that this machine knows; a narrow terminal leaves the titles to `models info`."""
    from interface_node.models import catalogue, store

    cache = cache_folder()
    columns = ("model", "picture", "licence", "commercial", "MB", "here", "title")[: 6 if console.width < WIDE else 7]
    table = Table(*(Column(name, overflow="fold", no_wrap=name == "model") for name in columns))
    try:
        known = catalogue.known(cache)
    except NodeError as error:
        raise refused(error) from error
    for manifest in known.values():
        size = store.size_bytes(cache, manifest)
        row = (
            manifest.id,
            "x".join(map(str, manifest.interface.input.size)),
            manifest.licence,
            "yes" if manifest.commercial else "no",
            f"{size / 1e6:.1f}" if size else "",
            "yes" if store.is_ready(cache, manifest) else "no",
            manifest.title,
        )
        table.add_row(*row[: len(columns)])
    console.print(table)


@app.command()
def pull(
    name: Annotated[str, typer.Argument(metavar=NAME, help=NAMED)] = "selfie",
    origin: Annotated[
        Path | None, typer.Option("--from", exists=True, dir_okay=False, help="A wheel, .tflite or .onnx on disk.")
    ] = None,
    trust: Annotated[
        bool,
        typer.Option("--trust-on-first-use", help="Take a file whose manifest has no hash, and hold it to its own."),
    ] = False,
) -> None:
    """Fetch a model, check its hash, convert it and keep it."""
    from interface_node.models import catalogue

    cache = cache_folder()
    try:
        manifest = catalogue.named(cache, name)
        path = pulled(cache, manifest, origin, trust)
    except NodeError as error:
        raise refused(error) from error
    console.print(f"{manifest.id} is ready: {path}", soft_wrap=True)
    console.print(f"{manifest.licence}. {manifest.commercial_note}".strip(), soft_wrap=True)


@app.command()
def check(
    name: Annotated[str, typer.Argument(metavar=NAME, help=NAMED)],
    picture: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="A picture to try it on.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where the mask goes, a .png.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    frames: Annotated[int, typer.Option(min=1, max=1000, help="How many frames are timed.")] = 20,
) -> None:
    """Load a model, run it, and show what it takes, what it gives and how long a frame lasts."""
    from scripts.commands.model_trial import facts, mask_png, tried

    try:
        with console.status("loading and running ..."):
            trial = tried(cache_folder(), name, picture, device, frames)
            if out:
                out.write_bytes(mask_png(trial))
    except NodeError as error:
        raise refused(error) from error
    except OSError as error:
        errors.print(f"{out} cannot be written: {error.strerror}", style="red", soft_wrap=True, highlight=False)
        raise typer.Exit(1) from error
    table = Table("", Column("", overflow="fold"), show_header=False)
    for key, value in facts(trial):
        table.add_row(key, value)
    console.print(table)


@app.command()
def info(name: Annotated[str, typer.Argument(metavar=NAME, help=NAMED)] = "selfie") -> None:
    """Show everything about one model: licence, source, how it is fed, where its file is."""
    from interface_node.models import catalogue, store

    cache = cache_folder()
    try:
        manifest = catalogue.named(cache, name)
    except NodeError as error:
        raise refused(error) from error
    table = Table("", Column("", overflow="fold"), show_header=False)
    for key, value in _facts(manifest).items():
        table.add_row(key, value)
    try:
        ready = store.is_ready(cache, manifest)
        table.add_row("file", str(store.onnx_path(cache, manifest)) if ready else "not on this machine")
    except NodeError as error:
        table.add_row("file", f"{error.code}: {error.detail}")
    console.print(table)


def _facts(manifest: "Manifest") -> dict[str, str]:
    entry, result = manifest.interface.input, manifest.interface.output
    return {
        "model": manifest.id,
        "aliases": ", ".join(manifest.aliases),
        "title": manifest.title,
        "licence": manifest.licence,
        "commercial use": " ".join(["yes." if manifest.commercial else "no.", manifest.commercial_note]).strip(),
        "source": manifest.source.model_dump_json(exclude={"sha256", "format"}),
        "sha256": f"{manifest.source.sha256 or 'unknown: taken on trust, at its first use'} ({manifest.source.format})",
        "input": f"{entry.name}: {entry.dtype} {entry.layout} {entry.width}x{entry.height} {entry.colour}",
        "numbers": f"(rgb * {entry.scale:g} - {entry.mean}) / {entry.std}",
        "output": f"{result.name or 'the first'}, still to apply: {result.activation}",
        "constants": ", ".join(f"{name} = {value:g}" for name, value in manifest.interface.constants.items()) or "none",
        "states": ", ".join(f"{state.input} <- {state.output}" for state in manifest.interface.states) or "none",
        "warm-up": f"{manifest.interface.warmup_frames} frames",
    }


def pulled(cache: Path, manifest: "Manifest", origin: Path | None = None, trust: bool = False) -> Path:
    """`store.pull`, with a bar on standard error while it lasts."""
    from interface_node.models import store

    text = TextColumn("{task.description}", markup=False)
    columns = (text, BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task(f"fetching {manifest.id}", total=None)

        def told(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total or None)

        return store.pull(cache, manifest, origin, trust, told)


def refused(error: NodeError) -> typer.Exit:
    """Say what is wrong, with its code."""
    errors.print(Text.assemble((error.code, "red"), f": {error.detail}"), soft_wrap=True)
    return typer.Exit(1)
