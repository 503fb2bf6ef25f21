"""What the coordinator was told at its start: options over environment over file over defaults, read once and frozen.

`NODE_ENV` in the environment chooses `.env` or `.env.production` in the working directory; both may be absent. An empty
value anywhere means "not set".
"""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from dotenv import dotenv_values
from platformdirs import user_cache_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coordinator.settings.values import (
    Address,
    Bytes,
    Flag,
    Life,
    Milliseconds,
    Networks,
    Origins,
    RateLimit,
    SqlUrl,
    UrlPath,
    server_url,
)
from protocol.keys import KEYS

JWT_SECRET_BYTES = 32
CLUSTER_STRING_BYTES = 16
PASSWORD_BYTES = range(12, 257)
"""How many bytes a password has."""
_SECRETS = frozenset(
    {"JWT_SECRET", "INTERFACE_IDENTIFICATION", "DB_PASSWORD", "DATABASE_URL", "ADMIN_PASSWORD", "METRICS_TOKEN"}
)
_PORTS = ("API_PORT", "PORT", "DB_PORT")


class SettingsError(Exception):
    """One sentence about a setting that stops the start."""


class Settings(BaseModel):
    """Settings of the coordinator, one field for each key. Paths are absolute; sizes named `_mb` are in MiB, the
    upload limit in bytes; durations are in seconds unless the name says days or hours."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    node_env: Literal["development", "production"]
    api_host: str = Field(min_length=1, max_length=255)
    api_port: int = Field(ge=0, le=65535)
    api_debug: Flag
    max_workers: int = Field(ge=1, le=64)
    task_timeout: Milliseconds
    api_base_url: Address
    frontend_url: Origins
    interface_identification: str = Field(min_length=1, max_length=200, repr=False)
    jwt_secret: str = Field(min_length=1, max_length=1000, repr=False)
    jwt_expires_in: Life
    upload_videos_dir: Path
    upload_url_path: UrlPath
    upload_backgrounds_dir: Path
    upload_backgrounds_url_path: UrlPath
    upload_file_size_limit: Bytes
    database_url: SqlUrl = Field(repr=False)
    segfleet_home: Path
    segfleet_cache: Path
    admin_username: str = Field(min_length=2, max_length=64)
    admin_password: str = Field(repr=False)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    log_format: Literal["json", "text"]
    log_file: Path | None
    lease_s: float = Field(ge=1, le=3600)
    heartbeat_interval: float = Field(ge=1, le=3600)
    max_attempts: int = Field(ge=1, le=100)
    max_losses: int = Field(ge=1, le=1000)
    segment_seconds: float = Field(ge=1, le=3600)
    default_model: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    interface_approval: Literal["manual", "auto"]
    interface_networks: Networks
    registration: Literal["open", "closed"]
    rate_limit: RateLimit
    trusted_proxies: Networks
    webhook_networks: Networks
    metrics_token: str = Field(max_length=1000, repr=False)
    user_storage_mb: int = Field(ge=0)
    user_max_waiting: int = Field(ge=1)
    queue_size: int = Field(ge=1)
    upload_days: float = Field(gt=0, le=36_500)
    result_days: float = Field(gt=0, le=36_500)
    retain_parts_hours: float = Field(ge=0, le=876_000)
    disk_free_min_mb: int = Field(ge=0)
    model_load_timeout: float = Field(gt=0, le=86_400)

    @property
    def home(self) -> Path:
        """Where everything lies that this program keeps."""
        return self.segfleet_home

    @property
    def results_dir(self) -> Path:
        """Artifacts of attempts, results among them."""
        return self.segfleet_home / "results"

    @property
    def production(self) -> bool:
        """Whether `NODE_ENV=production`."""
        return self.node_env == "production"

    @property
    def on_loopback(self) -> bool:
        """Whether only programs of this machine can connect."""
        return is_loopback(self.api_host)


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reachable from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def from_environment(
    overrides: Mapping[str, str | None] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Settings:
    """Read the settings. Raises SettingsError with one sentence.

    `overrides` are command-line options by key; None means not given. `environment` and `directory` default to the
    process's own.
    """
    env = os.environ if environment is None else environment
    root = Path.cwd() if directory is None else directory
    values = {name: key.default for name, key in KEYS.items()}
    for layer in (
        _file_values(root / _file_name(env), env),
        {name: env[name] for name in KEYS if env.get(name)},
        {name: value for name, value in (overrides or {}).items() if value is not None},
    ):
        values.update(layer)
        if "PORT" in layer and "API_PORT" not in layer:
            values["API_PORT"] = layer["PORT"]
    settings = _validated(values, root)
    _refuse_weak_secrets(settings)
    return settings


def _file_name(env: Mapping[str, str]) -> str:
    chosen = env.get("NODE_ENV") or "development"
    if chosen not in {"development", "production"}:
        raise SettingsError(f"NODE_ENV must be development or production, not {chosen!r}.")
    return ".env.production" if chosen == "production" else ".env"


def _file_values(path: Path, env: Mapping[str, str]) -> dict[str, str]:
    if not path.is_file():
        return {}
    found = dotenv_values(path, interpolate=False)
    unknown = sorted(set(found) - set(KEYS))
    if unknown:
        raise SettingsError(f"{path.name} has the unknown key {unknown[0]}; remove it or correct its spelling.")
    chosen = env.get("NODE_ENV") or "development"
    if (found.get("NODE_ENV") or chosen) != chosen:
        raise SettingsError(
            f"{path.name} says NODE_ENV={found['NODE_ENV']}, but NODE_ENV chooses which file is read; "
            f"set it in the environment."
        )
    return {name: value for name, value in found.items() if value}


def _validated(values: dict[str, str], root: Path) -> Settings:
    for name in _PORTS:
        if values[name].startswith("tcp://"):
            raise SettingsError(
                f"{name} is {values[name]!r}, which Kubernetes sets for a service of that name; "
                "rename the service or set enableServiceLinks: false in the pod."
            )
    fields: dict[str, Any] = {name.lower(): values[name] for name, key in KEYS.items() if key.owner != "node"}
    for part in ("port", "db_name", "db_user", "db_password", "db_host", "db_dialect", "db_port"):
        del fields[part]
    production = values["NODE_ENV"] == "production"
    home = _absolute(values["SEGFLEET_HOME"], root)
    fields |= {
        "segfleet_home": home,
        "segfleet_cache": _cache(values["SEGFLEET_CACHE"], root),
        "upload_videos_dir": _absolute(values["UPLOAD_VIDEOS_DIR"], home),
        "upload_backgrounds_dir": _absolute(values["UPLOAD_BACKGROUNDS_DIR"], home),
        "log_file": _absolute(values["LOG_FILE"], root) if values["LOG_FILE"] else None,
        "log_level": values["LOG_LEVEL"].upper(),
        "api_base_url": values["API_BASE_URL"] or _own_origin(values["API_HOST"], values["API_PORT"]),
        "interface_approval": values["INTERFACE_APPROVAL"] or ("manual" if production else "auto"),
        "registration": values["REGISTRATION"] or ("closed" if production else "open"),
    }
    try:
        fields["database_url"] = _database_url(values, home)
        return _debug(Settings.model_validate(fields))
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None


def _debug(settings: Settings) -> Settings:
    if settings.api_debug and settings.production:
        raise SettingsError("API_DEBUG must not be true with NODE_ENV=production; it shows too much to strangers.")
    return settings.model_copy(update={"log_format": "text"}) if settings.api_debug else settings


def _absolute(text: str, root: Path) -> Path:
    return (root / Path(text).expanduser()).resolve()


def _cache(text: str, root: Path) -> Path:
    return _absolute(text, root) if text else user_cache_path("segfleet", appauthor=False)


def _own_origin(host: str, port: str) -> str:
    """A wildcard is no address to link to; this machine's own is the best guess."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable and reachable[0] != "[" else f"http://{reachable}:{port}"


def _database_url(values: Mapping[str, str], home: Path) -> str:
    if values["DATABASE_URL"]:
        return values["DATABASE_URL"]
    if not values["DB_HOST"]:
        return f"sqlite:///{home / 'segfleet.db'}"
    try:
        return server_url(
            values["DB_DIALECT"], values["DB_HOST"], values["DB_PORT"], values["DB_NAME"], values["DB_USER"],
            values["DB_PASSWORD"],
        )  # fmt: skip
    except ValueError as error:
        raise SettingsError(f"{error}.") from None


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]).upper()
    shown = "" if name in _SECRETS else f" {first['input']!r}"
    reason = first["msg"].removeprefix("Value error, ")
    return f"{name}{shown} is not valid: {reason} ({KEYS[name].meaning})."


def _refuse_weak_secrets(settings: Settings) -> None:
    """A secret that everybody knows, or that can be guessed, is for programs of this machine only."""
    if settings.admin_password and len(settings.admin_password.encode()) not in PASSWORD_BYTES:
        raise SettingsError("ADMIN_PASSWORD must have 12 to 256 bytes.")
    weak = weak_secret(settings)
    if weak and not settings.on_loopback:
        raise SettingsError(
            f"{weak}, which is accepted only while API_HOST is a loopback address, not {settings.api_host}; "
            "`segfleet secrets` prints a fresh one."
        )


def weak_secret(settings: Settings) -> str:
    """What is wrong with a secret that must not meet strangers: `JWT_SECRET has fewer than 32 bytes`; or ""."""
    for name, value, least in (
        ("JWT_SECRET", settings.jwt_secret, JWT_SECRET_BYTES),
        ("INTERFACE_IDENTIFICATION", settings.interface_identification, CLUSTER_STRING_BYTES),
        ("METRICS_TOKEN", settings.metrics_token or "x" * JWT_SECRET_BYTES, JWT_SECRET_BYTES),
    ):
        if value == KEYS[name].default:
            return f"{name} is the documented default"
        if len(value.encode()) < least:
            return f"{name} has fewer than {least} bytes"
    return ""
