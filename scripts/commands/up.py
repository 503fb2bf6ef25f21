"""`segfleet up`: a coordinator and nodes on this machine, kept running."""

import asyncio
from typing import Annotated

import typer
from rich.text import Text

from scripts.access import Access
from scripts.refusal import Refusal, console, errors


def up(
    host: Annotated[str | None, typer.Option(help="Address to listen on.  [default: API_HOST]")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.  [default: API_PORT]")] = None,
    node_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of the first node.  [default: NODE_PORT]")
    ] = None,
    nodes: Annotated[int, typer.Option(min=0, max=64, help="How many nodes of this machine.")] = 1,
) -> None:
    """Start a coordinator and nodes on this machine and keep them running."""
    from scripts.fleet_plan import Wish, plan
    from scripts.local_fleet import LocalFleet

    planned = plan(Wish(host, port, node_port, nodes))

    async def ready(way: Access) -> None:
        console.print(f"ready {way.url}", soft_wrap=True, highlight=False)

    fleet = LocalFleet(planned, say)
    asyncio.run(fleet.run(lambda: obtain_model(planned.settings.default_model), ready))


def say(sentence: str) -> None:
    """News of the fleet, on standard error: standard output has one line, `ready`."""
    errors.print(sentence, soft_wrap=True, markup=False, highlight=False)


def obtain_model(name: str) -> None:
    """Have the default model on this machine before a node needs it. Refusal: it cannot be had."""
    from interface_node.errors import NodeError, UnknownModel
    from interface_node.models import catalogue, store
    from scripts.commands.models import cache_folder

    cache = cache_folder()
    try:
        manifest = catalogue.find(cache, name)
        if store.is_ready(cache, manifest):
            return
        with errors.status(Text(f"fetching the model {manifest.id} ({manifest.licence}) ...")):
            store.pull(cache, manifest)
        say(f"the model {manifest.id} is on this machine now")
    except UnknownModel:
        say(f"the default model {name} is in no catalogue of this machine; nodes offer what they have")
    except NodeError as error:
        raise Refusal(
            f"The model {name} cannot be had ({error.detail}); mend the connection, "
            f"or fetch its file elsewhere and run: segfleet models pull {name} --from FILE"
        ) from error
