"""Where the coordinator is and who we are: by the environment, by `segfleet login`, by `segfleet up`, in this order."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values
from platformdirs import user_config_path

from protocol.keys import KEYS
from scripts.refusal import Refusal

DEFAULT_URL = "http://127.0.0.1:6001"


@dataclass(frozen=True)
class Access:
    """A coordinator's address without a slash at its end, and a bearer token for it ("" when there is none)."""

    url: str
    token: str
    source: str


def login_path() -> Path:
    """What `segfleet login` keeps."""
    return user_config_path("segfleet", appauthor=False) / "login.json"


def cli_path(environment: Mapping[str, str] = os.environ) -> Path:
    """What `segfleet up` keeps: $SEGFLEET_HOME/cli.json."""
    file = ".env.production" if environment.get("NODE_ENV") == "production" else ".env"
    kept = dotenv_values(file, interpolate=False) if Path(file).is_file() else {}
    home = environment.get("SEGFLEET_HOME") or kept.get("SEGFLEET_HOME") or KEYS["SEGFLEET_HOME"].default
    return Path(home).expanduser() / "cli.json"


def find(environment: Mapping[str, str] = os.environ) -> Access:
    """Whom to talk to as whom. A token is never sent to another address than the one that it was kept for."""
    url, token = environment.get("SEGFLEET_URL", "").rstrip("/"), environment.get("SEGFLEET_TOKEN", "")
    if url and token:
        return Access(url, token, "SEGFLEET_URL and SEGFLEET_TOKEN")
    kept = [access for path in (login_path(), cli_path(environment)) if (access := read(path)) is not None]
    if url:
        same = [access for access in kept if access.url == url]
        return same[0] if same else Access(url, "", "SEGFLEET_URL")
    if token:
        return Access(kept[0].url if kept else DEFAULT_URL, token, "SEGFLEET_TOKEN")
    return kept[0] if kept else Access(DEFAULT_URL, "", "nothing")


def read(path: Path) -> Access | None:
    """What a file keeps; None when there is none. Refusal: it is damaged."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Access(str(kept["url"]).rstrip("/"), str(kept["token"]), str(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refusal(f"{path} cannot be read ({error}); remove it and log in again.") from error


def keep(path: Path, access: Access) -> None:
    """Write a file for `read`, whole or not at all, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    with open(part, "x", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        json.dump({"url": access.url, "token": access.token}, file)
        file.write("\n")
    part.replace(path)
