"""Say which nodes will come: NAME=ADDRESS pairs become expected, approved rows, and each address is tried.

    .venv/bin/python -m scripts.register_interfaces gpu-1=http://10.0.0.5:6002 gpu-2=https://gpu-2.example.org
    .venv/bin/python -m scripts.register_interfaces --file nodes.txt

Whoever joins first with such an address is approved at once. It works on the database itself, so the coordinator may be
stopped. A file has one pair a line; what follows a `#` is a comment.
"""

import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, NamedTuple

import httpx
import typer
from rich.table import Column, Table

from coordinator.errors import AddressRefused, WrongInterfaceState
from coordinator.gateway.networks import Networks
from coordinator.services import nodes
from coordinator.settings import Settings
from coordinator.store.tables import Interfaces
from coordinator.store.work import Work
from scripts.database import opened, settings
from scripts.refusal import Refusal, console, tell

PROBE_S = 3.0


class Expected(NamedTuple):
    """A node that will come."""

    name: str
    address: str


def register(
    pairs: Annotated[list[str] | None, typer.Argument(help="NAME=ADDRESS, as often as you like.")] = None,
    file: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="One NAME=ADDRESS a line.")] = None,
) -> None:
    """Expect nodes at addresses, approve them, and try whether they answer."""
    wanted = [parse(pair) for pair in (*(pairs or ()), *(lines(file) if file else ()))]
    if not wanted:
        raise Refusal("Nothing to register: give NAME=ADDRESS pairs, or --file.", 2)
    rows = expect(settings(), wanted)
    table = Table(Column("node", no_wrap=True), "name", Column("address", overflow="fold"), "admission", "now")
    with ThreadPoolExecutor(16) as threads:
        for one, row, seen in zip(wanted, rows, threads.map(probe, wanted), strict=True):
            table.add_row(row.id, one.name, one.address, row.admission, seen)
    console.print(table)


def lines(file: Path) -> list[str]:
    """The pairs of a file, without comments and empty lines."""
    stripped = (line.partition("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in stripped if line]


def parse(pair: str) -> Expected:
    """`NAME=ADDRESS`. Refusal: it is something else."""
    name, _, address = (part.strip() for part in pair.partition("="))
    if not name or not address.startswith(("http://", "https://")):
        raise Refusal(f"{pair!r} is no NAME=ADDRESS pair such as gpu-1=http://10.0.0.5:6002.", 2)
    return Expected(name, address)


def expect(chosen: Settings, wanted: Sequence[Expected]) -> list[Interfaces]:
    """The rows of the nodes, in their order: all of them, or none and a Refusal."""
    networks = Networks(chosen.interface_networks)

    def unit(work: Work) -> list[Interfaces]:
        return [_row(work, networks, one) for one in wanted]

    with opened(chosen) as database:
        return database.run(unit)[0]


def _row(work: Work, networks: Networks, one: Expected) -> Interfaces:
    try:
        return nodes.expect(work, networks, one.name, address=one.address)
    except AddressRefused as error:
        raise Refusal(f"{one.name}: {one.address} may not be called ({error}); nothing was registered.") from error
    except WrongInterfaceState as error:
        raise Refusal(f"{one.name}: {one.address} was revoked; nothing was registered.") from error


def probe(one: Expected) -> str:
    """What a node at this address says of itself now, in words."""
    try:
        answer = httpx.get(f"{one.address.rstrip('/')}/health", timeout=PROBE_S, follow_redirects=False)
    except httpx.HTTPError as error:
        return f"does not answer ({str(error) or type(error).__name__}); it may join later"
    try:
        said = answer.json()
    except ValueError:
        said = None
    if not isinstance(said, dict) or "status" not in said:
        return f"answers {answer.status_code}, but is no node of ours"
    joined = "joined" if said.get("joined") else "not joined yet"
    return f"{said['status']}, {joined}"


def main(arguments: Iterable[str] | None = None) -> int:
    """The exit code: 0 when every pair is expected now."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(register)
    try:
        app(list(sys.argv[1:] if arguments is None else arguments), prog_name="register_interfaces")
    except Refusal as error:
        return tell(error)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
