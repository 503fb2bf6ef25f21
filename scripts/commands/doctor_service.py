"""What the doctor sees of the service: settings, secrets, database, models, disk, ports, addresses, clock."""

import email.utils
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from protocol.keys import KEYS
from scripts import ports
from scripts.commands.doctor import Check, Finding
from scripts.refusal import Refusal

ROOM_MB = 5000
SKEW_S = 60
DEFAULT_SECRETS = ("JWT_SECRET", "INTERFACE_IDENTIFICATION")


def settings() -> Iterator[Finding]:
    """Both programs can read them."""
    from coordinator.settings import SettingsError, from_environment
    from interface_node.settings import SettingsError as NodeSettingsError
    from interface_node.settings import from_environment as node_from_environment

    try:
        chosen = from_environment()
    except SettingsError as error:
        yield Finding("fail", "settings", str(error), "correct it in the environment or in the file named above")
    else:
        yield Finding("ok", "settings", f"NODE_ENV={chosen.node_env}, home {chosen.home}, API {chosen.api_base_url}")
        if chosen.production and chosen.interface_approval == "auto":
            mend = "INTERFACE_APPROVAL=manual, and `segfleet nodes approve NAME`"
            yield Finding("warn", "settings", "every machine that knows INTERFACE_IDENTIFICATION may work", mend)
    try:
        node_from_environment()
    except NodeSettingsError as error:
        yield Finding("fail", "settings", f"for a node: {error}", "correct it in the environment or in the file")


def secrets() -> Iterator[Finding]:
    """Documented defaults are for loopback; a file with secrets is for its owner."""
    from coordinator.settings import SettingsError, from_environment

    file = Path(".env.production" if os.environ.get("NODE_ENV") == "production" else ".env")
    if file.name == ".env.production" and file.is_file() and stat.S_IMODE(file.stat().st_mode) & 0o077:
        yield Finding("warn", "secrets", f"{file} can be read by other users", f"run: chmod 600 {file}")
    try:
        chosen = from_environment()
    except SettingsError:
        return
    values = {name: str(getattr(chosen, name.lower())) for name in DEFAULT_SECRETS}
    public = [name for name, value in values.items() if value == KEYS[name].default]
    if public:
        seen = f"{', '.join(public)}: the documented default, accepted because only this machine can connect"
        yield Finding("ok", "secrets", seen)
    else:
        yield Finding("ok", "secrets", "of your own")


def database() -> Iterator[Finding]:
    """It can be connected to."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import SQLAlchemyError

    from coordinator.settings import SettingsError, from_environment
    from coordinator.store.database import make_engine

    try:
        url = make_url(from_environment().database_url)
    except SettingsError:
        return
    kind = url.get_backend_name()
    if kind == "sqlite" and not Path(url.database or "").is_file():
        yield Finding("ok", "database", f"{url.database} will be made at the first start")
        return
    try:
        engine = make_engine(url.render_as_string(hide_password=False))
        with engine.connect():
            yield Finding("ok", "database", f"{url.render_as_string()} answers")
        engine.dispose()
    except ModuleNotFoundError as error:
        extra = "postgres" if kind == "postgresql" else "mysql"
        yield Finding("fail", "database", f"the driver {error.name} is missing", f"pip install 'segfleet[{extra}]'")
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        mend = "start it, or correct DATABASE_URL or DB_HOST, DB_PORT, DB_USER, DB_PASSWORD, DB_NAME"
        yield Finding("fail", "database", f"{url.render_as_string()} does not answer: {reason}", mend)


def models() -> Iterator[Finding]:
    """The default model is on this machine."""
    from coordinator.settings import SettingsError, from_environment

    try:
        chosen = from_environment()
    except SettingsError:
        return
    try:
        from interface_node.errors import NodeError
        from interface_node.models import catalogue, store
    except ImportError:
        return  # no node can run here; the check of the packages says so
    try:
        manifest = catalogue.find(chosen.segfleet_cache, chosen.default_model)
    except NodeError as error:
        yield Finding(
            "fail", "models", error.detail, "correct DEFAULT_MODEL, or the manifest in $SEGFLEET_CACHE/models"
        )
        return
    if store.is_ready(chosen.segfleet_cache, manifest):
        yield Finding("ok", "models", f"{manifest.id} lies in {chosen.segfleet_cache}")
    else:
        mend = f"fetched at the first start, or now with: segfleet models pull {manifest.id}"
        yield Finding("warn", "models", f"{manifest.id} is not on this machine yet", mend)


def disk() -> Iterator[Finding]:
    """There is room, and it may be written to."""
    from coordinator.settings import SettingsError, from_environment

    try:
        chosen = from_environment()
    except SettingsError:
        return
    for name, folder in (("SEGFLEET_HOME", chosen.home), ("SEGFLEET_CACHE", chosen.segfleet_cache)):
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        free = shutil.disk_usage(there).free // (1 << 20)
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            mend = f"give it to the user that runs the service (chown), or set {name}"
            yield Finding("fail", "disk", f"{there} cannot be written to by this user", mend)
        elif free < chosen.disk_free_min_mb:
            mend = f"remove what is not needed, move {name}, or lower DISK_FREE_MIN_MB ({chosen.disk_free_min_mb})"
            yield Finding("fail", "disk", f"{free} MB free in {there}: uploads are refused", mend)
        elif (why := _unwritable(there)) is not None:
            mend = f"remove what is not needed, raise the quota, or move {name}"
            yield Finding("fail", "disk", f"nothing can be written to {there}: {why}", mend)
        elif free < ROOM_MB:
            yield Finding("warn", "disk", f"only {free} MB free in {there}", f"make room, or move {name}")
        else:
            yield Finding("ok", "disk", f"{free} MB free for {folder}")


def _unwritable(folder: Path) -> str | None:
    """Why a file cannot be written, as the system says it: quotas and used-up inodes are in no count of megabytes."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
            file.flush()
    except OSError as error:
        return error.strerror or str(error)
    return None


def free_ports() -> Iterator[Finding]:
    """Nobody else listens where our programs want to; our own may."""
    from coordinator.settings import SettingsError, from_environment
    from interface_node.settings import SettingsError as NodeSettingsError
    from interface_node.settings import from_environment as node_from_environment

    wanted = []
    try:
        chosen = from_environment()
        wanted.append(("coordinator", chosen.api_host, chosen.api_port, "API_PORT", "/api/v1/health"))
        node = node_from_environment()
        wanted.append(("node", node.node_host, node.node_port, "NODE_PORT", "/health"))
    except (SettingsError, NodeSettingsError):
        pass  # the check of the settings says what is wrong
    for what, host, port, key, path in wanted:
        try:
            ports.require_free(host, port, key)
        except Refusal as error:
            if _answer(ports.on_this_machine(host, port) + path) is not None:
                yield Finding("ok", "ports", f"{port}: a {what} of ours listens there")
            else:
                yield Finding("fail", "ports", str(error), "`ss -ltnp` shows who listens")
        else:
            yield Finding("ok", "ports", f"{port} is free for the {what}")


def addresses() -> Iterator[Finding]:
    """A coordinator that is told to a node, and a node's own address, can be reached; clocks agree."""
    from interface_node.settings import SettingsError, from_environment

    try:
        chosen = from_environment()
    except SettingsError:
        return
    url = chosen.coordinator_url
    answer = _answer(f"{url}/api/v1/health")
    if answer is not None:
        yield Finding("ok", "address", f"the coordinator {url} answers")
        yield from _clock(answer)
    elif urlsplit(url).hostname not in {"127.0.0.1", "localhost", "::1"}:
        mend = "correct COORDINATOR_URL, open the way to it in firewalls, or start the coordinator"
        yield Finding("fail", "address", f"the coordinator {url} does not answer", mend)
    if chosen.node_address is not None and _answer(f"{chosen.node_address}/health") is None:
        mend = (
            "right while no node runs; otherwise correct NODE_ADDRESS, or leave it empty: then the node asks for work"
        )
        yield Finding("warn", "address", f"no node answers at NODE_ADDRESS {chosen.node_address}", mend)


def _clock(answer: httpx.Response) -> Iterator[Finding]:
    said = email.utils.parsedate_to_datetime(answer.headers["date"]) if "date" in answer.headers else None
    if said is None:
        return
    skew = abs(time.time() - said.timestamp())
    if skew > SKEW_S:
        mend = "nodes do not mind, but logs and presigned links do; let NTP set the clock (timedatectl set-ntp true)"
        yield Finding("warn", "clock", f"{skew:.0f} s away from the coordinator's", mend)
    else:
        yield Finding("ok", "clock", "agrees with the coordinator's")


def _answer(url: str) -> httpx.Response | None:
    """The answer of one of our programs, or None."""
    try:
        answer = httpx.get(url, timeout=5, trust_env=False)
        return answer if isinstance(answer.json(), dict) and "status" in answer.json() else None
    except (httpx.HTTPError, ValueError):
        return None


CHECKS: tuple[Check, ...] = (settings, secrets, database, models, disk, free_ports, addresses)
