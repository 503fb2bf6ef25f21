"""`segfleet users`: accounts, for administrators; a lost password is mended on the database alone."""

import getpass
import sys
from typing import Annotated, Any

import typer
from rich.table import Table

from protocol.states import Role
from scripts import access
from scripts.client import Client
from scripts.refusal import Refusal, console

app = typer.Typer(help="Look at accounts and change them (administrators).", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The name of an account.")]


@app.command(name="list")
def list_users() -> None:
    """Show every account."""
    table = Table("user", "role", "disabled", "email", "created", "last login")
    with Client(access.find()) as client:
        for user in client.pages("/admin/users"):
            table.add_row(
                user["username"],
                user["role"],
                "yes" if user["disabled"] else "",
                user["email"] or "",
                user["created_at"],
                user["last_login_at"] or "never",
            )
    console.print(table)


@app.command()
def role(name: Name, role: Annotated[Role, typer.Argument(help="What the account may do.")]) -> None:
    """Make somebody an administrator, or an ordinary user."""
    _change(name, {"role": str(role)}, f"is {role} now")


@app.command()
def disable(name: Name) -> None:
    """Keep an account from logging in; its sessions end."""
    _change(name, {"disabled": True}, "is disabled now")


@app.command()
def enable(name: Name) -> None:
    """Let an account log in again."""
    _change(name, {"disabled": False}, "is enabled now")


@app.command()
def password(
    name: Name,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read the new password from a pipe.")] = False,
) -> None:
    """Set a password, on the database alone: also while the coordinator does not run. Sessions of the account end."""
    if stdin:
        chosen = sys.stdin.readline().rstrip("\n")
    else:
        chosen = getpass.getpass("new password: ")
        if getpass.getpass("again: ") != chosen:
            raise Refusal("The two passwords differ; nothing was changed.")
    _set_password(name, chosen)
    console.print(f"{name} has a new password", markup=False, highlight=False)


def _change(name: str, change: dict[str, Any], what: str) -> None:
    with Client(access.find()) as client:
        found = [
            user for user in client.pages("/admin/users", q=name) if user["username"].casefold() == name.casefold()
        ]
        if not found:
            raise Refusal(f"There is no account {name}.")
        client.call("PATCH", f"/admin/users/{found[0]['id']}", json=change)
    console.print(f"{name} {what}", markup=False, highlight=False)


def _set_password(name: str, chosen: str) -> None:
    from coordinator.gateway.passwords import hash_now
    from coordinator.services import accounts
    from coordinator.store import audit
    from coordinator.store.work import Work
    from scripts.database import opened, settings

    with opened(settings()) as database:
        digest = hash_now(chosen)

        def unit(work: Work) -> None:
            account = accounts.find(work, name)
            if account is None:
                raise Refusal(f"There is no account {name}.")
            accounts.set_password(work, account, digest, actor=audit.SYSTEM)

        database.run(unit)
