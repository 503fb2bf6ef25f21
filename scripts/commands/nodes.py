"""`segfleet nodes`: which machines work, and what an administrator says to them."""

from typing import Annotated, Any

import typer
from rich.table import Column, Table

from scripts import access
from scripts.client import Client
from scripts.refusal import Refusal, console

app = typer.Typer(help="Look at nodes and steer them (administrators).", no_args_is_help=True)
Node = Annotated[str, typer.Argument(help="The id or the name of a node.")]


@app.command(name="list")
def list_nodes() -> None:
    """Show every node that ever joined."""
    table = Table(Column("node", no_wrap=True), "name", "state", "lane", "slots", "provider", "models", "last seen")
    with Client(access.find()) as client:
        for node in client.pages("/admin/interfaces", limit=100):
            seen = node["last_seen_s"]
            table.add_row(
                node["id"],
                node["name"],
                node["state"],
                node["lane"],
                f"{node['free_slots']}/{node['slots']} free",
                node["provider"] or "",
                ", ".join(model["name"] for model in node["models"]),
                "never" if seen is None else f"{seen:.0f} s ago",
            )
    console.print(table)


@app.command()
def approve(node: Node) -> None:
    """Let a node work that waits for it."""
    _steer(node, "approve")


@app.command()
def drain(node: Node) -> None:
    """Give a node nothing new; it finishes what it has."""
    _steer(node, "drain")


@app.command()
def resume(node: Node) -> None:
    """End a drain."""
    _steer(node, "resume")


@app.command()
def revoke(node: Node) -> None:
    """Shut a node out for good; what it holds goes to others."""
    _steer(node, "revoke")


def _steer(word: str, verb: str) -> None:
    with Client(access.find()) as client:
        found = _find(client, word)
        now = client.call("PUT", f"/admin/interfaces/{found['id']}/{verb}")
    state = (now or {}).get("state", verb)
    console.print(f"{found['name']} ({found['id']}) is {state} now", soft_wrap=True, markup=False, highlight=False)


def _find(client: Client, word: str) -> dict[str, Any]:
    """The node with this id, or the only one with this name."""
    nodes = list(client.pages("/admin/interfaces", limit=100))
    named = [node for node in nodes if word in {node["id"], node["name"]} and node["state"] != "revoked"]
    named = named or [node for node in nodes if word == node["id"]]
    if len(named) == 1:
        return named[0]
    if not named:
        raise Refusal(f"There is no node {word}; `segfleet nodes list` shows them.")
    ids = ", ".join(node["id"] for node in named)
    raise Refusal(f"{len(named)} nodes are named {word}; say which by its id: {ids}.")
