"""`segfleet models`: which models there are, which are on this machine, and how to get one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from interface_node.errors import NodeError

if TYPE_CHECKING:
    from interface_node.models.manifest import Manifest

app = typer.Typer(help="Look at the models of this machine and fetch them.", no_args_is_help=True)
console = Console()
errors = Console(stderr=True)


def cache_folder() -> Path:
    """$SEGFLEET_CACHE as the node's settings say it."""
    from interface_node.settings import SettingsError, from_environment

    try:
        return from_environment().segfleet_cache
    except SettingsError as error:
        errors.print(f"[red]{error}[/]")
        raise typer.Exit(2) from error


@app.command(name="list")
def list_models() -> None:
    """Show every model that this machine knows."""
    from interface_node.models import catalogue, store

    cache = cache_folder()
    table = Table("model", "size", "licence", "commercial", "on this machine", "title")
    try:
        known = catalogue.known(cache)
    except NodeError as error:
        raise _refused(error) from error
    for manifest in known.values():
        entry = manifest.interface.input
        ready = "yes" if store.is_ready(cache, manifest) else "no"
        commercial = "yes" if manifest.commercial else "no"
        size = f"{entry.width}x{entry.height}"
        table.add_row(manifest.id, size, manifest.licence, commercial, ready, manifest.title)
    console.print(table)


@app.command()
def pull(
    name: Annotated[str, typer.Argument(help="Id or alias of the model.")] = "selfie",
    origin: Annotated[
        Path | None, typer.Option("--from", exists=True, dir_okay=False, help="A wheel, .tflite or .onnx on disk.")
    ] = None,
) -> None:
    """Fetch a model, check its hash, convert it and keep it."""
    from interface_node.models import catalogue, store

    cache = cache_folder()
    try:
        manifest = catalogue.find(cache, name)
        with console.status(f"fetching {manifest.id} ..."):
            path = store.pull(cache, manifest, origin)
    except NodeError as error:
        raise _refused(error) from error
    console.print(f"{manifest.id} is ready: {path}", soft_wrap=True)


@app.command()
def info(name: Annotated[str, typer.Argument(help="Id or alias of the model.")] = "selfie") -> None:
    """Show everything about one model: licence, source, how it is fed, where its file is."""
    from interface_node.models import catalogue, store

    cache = cache_folder()
    try:
        manifest = catalogue.find(cache, name)
    except NodeError as error:
        raise _refused(error) from error
    table = Table(show_header=False)
    for key, value in _facts(manifest).items():
        table.add_row(key, value)
    ready = store.is_ready(cache, manifest)
    table.add_row("file", str(store.onnx_path(cache, manifest)) if ready else "not on this machine")
    console.print(table)


def _facts(manifest: "Manifest") -> dict[str, str]:
    entry, result = manifest.interface.input, manifest.interface.output
    return {
        "model": manifest.id,
        "aliases": ", ".join(manifest.aliases),
        "title": manifest.title,
        "licence": f"{manifest.licence} (commercial use: {'yes' if manifest.commercial else 'no'})",
        "source": manifest.source.model_dump_json(exclude={"sha256", "format"}),
        "sha256": f"{manifest.source.sha256} ({manifest.source.format})",
        "input": f"{entry.name}: {entry.dtype} {entry.layout} {entry.width}x{entry.height} {entry.colour}",
        "numbers": f"(rgb * {entry.scale:g} - {entry.mean}) / {entry.std}",
        "output": f"{result.name}, still to apply: {result.activation}",
        "states": ", ".join(f"{state.input} <- {state.output}" for state in manifest.interface.states) or "none",
        "warm-up": f"{manifest.interface.warmup_frames} frames",
    }


def _refused(error: NodeError) -> typer.Exit:
    errors.print(f"[red]{error.code}[/]: {error.detail}", soft_wrap=True)
    return typer.Exit(1)
