"""The coordinator of `segfleet up`: before it listens, it expects the nodes of this machine and has a key for commands.

    python -m scripts.local_coordinator NAME=NODE_ID ...

It is a program of its own so that the one that keeps it running stays small and starts everything at once.
"""

import asyncio
import sys
from collections.abc import Mapping

from coordinator.__main__ import main as serve
from coordinator.app import settings_or_exit
from coordinator.clock import system_clock
from coordinator.domain.permissions import may_administer
from coordinator.errors import AccountError, CoordinatorError, WrongInterfaceState
from coordinator.gateway.networks import Networks
from coordinator.gateway.passwords import Passwords
from coordinator.services import accounts, nodes, sessions
from coordinator.settings import Settings
from coordinator.store import users
from coordinator.store.database import Database
from coordinator.store.migrate import upgrade
from coordinator.store.tables import Users
from coordinator.store.work import Work
from scripts import access, ports
from scripts.access import Access
from scripts.refusal import Refusal, tell

KEY_NAME = "segfleet up"


def main() -> None:
    """Prepare, then be the coordinator."""
    settings = settings_or_exit()
    try:
        asyncio.run(prepare(settings, dict(word.split("=", 1) for word in sys.argv[1:])))
    except Refusal as error:
        sys.exit(tell(error))
    serve()


async def prepare(settings: Settings, expected: Mapping[str, str]) -> None:
    """Approve nodes (name -> node_id) before they join, and keep an administrator's API key in the home's cli.json."""
    settings.home.mkdir(parents=True, exist_ok=True)
    path = settings.home / "cli.json"
    before, fresh = access.read(path), sessions.fresh_key()
    database, passwords = Database(settings.database_url, system_clock), Passwords()
    try:
        await asyncio.to_thread(upgrade, database.engine)
        database.open(lambda news: None)
        await sessions.first_administrator(
            database, passwords, settings.admin_username, settings.admin_password, settings.home
        )
        token = await database.write(lambda work: _token(work, settings, before.token if before else "", fresh))
        await database.write(lambda work: _expect(work, settings, expected))
    except CoordinatorError as error:
        raise Refusal(f"The coordinator cannot start: {error}.") from error
    finally:
        await passwords.close()
        await database.close()
    access.keep(path, Access(ports.on_this_machine(settings.api_host, settings.api_port), token, ""))


def _expect(work: Work, settings: Settings, expected: Mapping[str, str]) -> None:
    networks = Networks(settings.interface_networks)
    for name, node_id in expected.items():
        try:
            nodes.expect(work, networks, name, node_id=node_id)
        except WrongInterfaceState:
            folder = settings.home / "nodes"
            raise Refusal(
                f"{name} of this machine was revoked; it joins as a new node when its folder in {folder} is removed."
            ) from None


def _token(work: Work, settings: Settings, before: str, fresh: str) -> str:
    """The key of the last start while it is good; otherwise a new one, and the keys of earlier starts go."""
    if _is_good(work, before):
        return before
    account = _administrator(work, settings.admin_username)
    for key in users.keys(work, account.id):
        if key.name == KEY_NAME:
            users.remove_key(work, account.id, key.id)
    accounts.add_key(work, account, KEY_NAME, fresh, None, "127.0.0.1")
    return fresh


def _is_good(work: Work, token: str) -> bool:
    try:
        account, _ = accounts.by_key(work, token)
    except AccountError:
        return False
    return may_administer(account.role)


def _administrator(work: Work, name: str) -> Users:
    """The first administrator, or whoever is one now."""
    named = accounts.find(work, name)
    if named is not None and may_administer(named.role) and not named.disabled:
        return named
    for user_id in users.lock_admins(work):
        return accounts.get(work, user_id)
    raise Refusal("No administrator can log in, so nobody can look after the nodes.")


if __name__ == "__main__":
    main()
