"""`segfleet conformance`: does a node of one's own keep the protocol?"""

import json
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from protocol.base import ModelName
from scripts.ports import require_free
from scripts.refusal import Refusal, errors

if TYPE_CHECKING:
    from scripts.conformance.rules import Finding


def conformance(
    address: Annotated[
        str | None, typer.Argument(help="Where the node listens; leave it out for a node that only asks for work.")
    ] = None,
    host: Annotated[str, typer.Option(help="Where the kit's coordinator listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Its port; 0 is a free one.")] = 0,
    command: Annotated[str | None, typer.Option(help="Starts the node; allows the rules restart and leave.")] = None,
    model: Annotated[str | None, typer.Option(help="Which model to ask for; the node's first one otherwise.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="A rule to try; repeat it.")] = None,
    wait_s: Annotated[float, typer.Option(help="How long to wait for the node to register.")] = 300.0,
    cluster: Annotated[str | None, typer.Option(help="The cluster string; a fresh one otherwise.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a rule.")] = False,
) -> None:
    """Try a node against the rules of the protocol; exit code 1 when it breaks one."""
    from scripts.conformance.rules import RULES

    names = only or list(RULES)
    unknown = [name for name in names if name not in RULES]
    if unknown:
        raise Refusal(f"There is no rule {unknown[0]}; there are {', '.join(RULES)}.", 2)
    failed = 0
    for found in _findings(names, address, (host, port, cluster), command, model, wait_s):
        typer.echo(json.dumps(found.fields()) if as_json else found.line())
        failed += found.verdict == "failed"
    if failed:
        raise typer.Exit(1)


def _findings(
    names: list[str],
    address: str | None,
    place: tuple[str, int, str | None],
    command: str | None,
    model: str | None,
    wait_s: float,
) -> Iterator["Finding"]:
    from scripts.conformance.coordinator import Coordinator
    from scripts.conformance.job import Clips
    from scripts.conformance.rules import tried
    from scripts.conformance.trial import Bounds, Program, Trial

    host, port, cluster = place
    with Coordinator(host, require_free(host, port, "--port"), lease_s=6.0, heartbeat_s=1.0) as kit:
        kit.cluster = cluster or kit.cluster
        environment = {"COORDINATOR_URL": kit.url, "INTERFACE_IDENTIFICATION": kit.cluster}
        program = Program(shlex.split(command), environment) if command else None
        errors.print(" ".join(f"{key}={value}" for key, value in environment.items()), soft_wrap=True, highlight=False)
        trial = Trial(kit, address and address.rstrip("/"), Bounds(), Clips(), model and ModelName(model), program)
        try:
            if program:
                program.start()
            if not kit.until(lambda: kit.member, wait_s):
                raise Refusal(f"No node registered at {kit.url} within {wait_s:g} s.")
            trial.enter()
            yield from tried(trial, names)
        finally:
            if program:
                program.kill()
