"""`segfleet node`: one interface node, until it is told to stop."""

from pathlib import Path
from typing import Annotated

import typer

from interface_node.settings import SettingsError, from_environment
from scripts.refusal import Refusal


def node(
    coordinator: Annotated[str | None, typer.Option(help="Address of the coordinator.")] = None,
    address: Annotated[
        str | None, typer.Option(help="What the coordinator calls; without it the node asks for work.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes any.")] = None,
    slots: Annotated[int | None, typer.Option(help="Attempts at once.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:0,1.")] = None,
    name: Annotated[str | None, typer.Option(help="Name in lists.")] = None,
    home: Annotated[Path | None, typer.Option(help="Identity, outbox and files of this node.")] = None,
) -> None:
    """Join a coordinator and work for it. SIGTERM drains: what fits is finished, the rest is handed back."""
    options = {
        "COORDINATOR_URL": coordinator,
        "NODE_ADDRESS": address,
        "NODE_HOST": host,
        "NODE_PORT": None if port is None else str(port),
        "NODE_SLOTS": None if slots is None else str(slots),
        "NODE_DEVICE": device,
        "NODE_NAME": name,
        "SEGFLEET_HOME": None if home is None else str(home),
    }
    try:
        settings = from_environment(options)
    except SettingsError as error:
        raise Refusal(str(error), 2) from error
    from interface_node.app import main  # onnxruntime and OpenCV load only when a node really starts

    main(settings)
