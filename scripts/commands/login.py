"""`segfleet login`, `logout`, `token`: who the other commands are."""

import getpass
import socket
import sys
from typing import Annotated

import typer

from scripts import access
from scripts.access import Access
from scripts.client import Client, Problem
from scripts.refusal import Refusal, console


def login(
    url: Annotated[str, typer.Argument(help="The coordinator.")] = access.DEFAULT_URL,
    username: Annotated[str | None, typer.Option("--username", "-u", help="Whom to log in.")] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from a pipe.")] = False,
) -> None:
    """Log in and keep an API key for the other commands."""
    url = url.rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise Refusal(f"{url} is no address: it begins with http:// or https://.")
    name = username or typer.prompt("username")
    password = sys.stdin.readline().rstrip("\n") if password_stdin else getpass.getpass("password: ")
    with Client(Access(url, "", "")) as client:
        token = client.login(name, password)
    with Client(Access(url, token, "")) as client:
        made = client.call("POST", "/auth/keys", json={"name": f"segfleet login on {socket.gethostname()}"[:100]})
    access.keep(access.login_path(), Access(url, made["key"], ""))
    console.print(f"logged in to {url} as {name}; the key is kept in {access.login_path()}", soft_wrap=True)


def logout() -> None:
    """Forget the API key that `login` kept, here and on the coordinator."""
    kept = access.read(access.login_path())
    if kept is None:
        console.print("nobody is logged in")
        return
    try:
        with Client(kept) as client:
            for key in client.pages("/auth/keys"):
                if kept.token.startswith(key["prefix"]):
                    client.call("DELETE", f"/auth/keys/{key['id']}")
    except Problem as error:
        if error.status != 401:  # the key is worth nothing already
            raise
    access.login_path().unlink()
    console.print(f"logged out of {kept.url}", soft_wrap=True)


def token() -> None:
    """Print the token that the other commands use, for curl: it is a secret."""
    found = access.find()
    if not found.token:
        raise Refusal("There is no token: run `segfleet login`, or `segfleet up` on this machine.")
    sys.stdout.write(f"{found.token}\n")
