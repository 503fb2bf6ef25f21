"""`segfleet`: one command with many words. Only the word that is used is imported; the help imports them all."""

import importlib
import sys
from collections.abc import Sequence

import typer

from scripts.refusal import Refusal, tell

WORDS = {
    "up": "scripts.commands.up:up",
    "coordinator": "scripts.commands.coordinator:coordinator",
    "node": "scripts.commands.node:node",
    "login": "scripts.commands.login:login",
    "logout": "scripts.commands.login:logout",
    "token": "scripts.commands.login:token",
    "submit": "scripts.commands.submit:submit",
    "tasks": "scripts.commands.tasks:app",
    "nodes": "scripts.commands.nodes:app",
    "users": "scripts.commands.users:app",
    "models": "scripts.commands.models:app",
    "process": "scripts.commands.process:process",
    "bench": "scripts.commands.bench:bench",
    "doctor": "scripts.commands.doctor:doctor",
    "conformance": "scripts.commands.conformance:conformance",
    "secrets": "scripts.commands.secrets:secrets",
    "backup": "scripts.commands.backup:backup",
}


def program(arguments: Sequence[str]) -> typer.Typer:
    """The command line, with as many words in it as `arguments` need."""
    app = typer.Typer(name="segfleet", no_args_is_help=True, pretty_exceptions_enable=False)
    app.callback()(_root)
    chosen = [arguments[0]] if arguments and arguments[0] in WORDS else list(WORDS)
    for word in chosen:
        module, _, name = WORDS[word].partition(":")
        found = getattr(importlib.import_module(module), name)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=word)
        else:
            app.command(name=word)(found)
    return app


def _root() -> None:
    """Video segmentation on a fleet of GPU machines."""


def main() -> None:
    """The entry point of the package: a refusal is one sentence on standard error."""
    try:
        program(sys.argv[1:])(prog_name="segfleet")
    except Refusal as error:
        sys.exit(tell(error))


if __name__ == "__main__":
    main()
