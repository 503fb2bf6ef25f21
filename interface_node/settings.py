"""What a node was told at its start: options over environment over file over defaults, read once and frozen."""

import ipaddress
import os
import socket
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from platformdirs import user_cache_path
from pydantic import AnyHttpUrl, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from protocol.keys import KEYS

Resolver = Callable[[str], Iterable[str]]
_PORT_KEYS = frozenset({"NODE_PORT", "API_PORT", "PORT", "DB_PORT"})
_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})
_HTTP_URL: TypeAdapter[AnyHttpUrl] = TypeAdapter(AnyHttpUrl)


class SettingsError(Exception):
    """One sentence about a setting that stops the start."""


def _url(value: str) -> str:
    url = _HTTP_URL.validate_python(value)
    if url.query or url.fragment or url.username or url.password:
        raise ValueError("must be a plain http:// or https:// address without user, query or fragment")
    return str(url).rstrip("/")


def _flag(value: str) -> bool:
    word = value.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("must be true or false")
    return word in _TRUE


def silence_svt_av1() -> None:
    """SVT-AV1 tells twenty lines about each file, unless this variable keeps it to errors when it is opened."""
    os.environ.setdefault("SVT_LOG", "1")


Address = Annotated[str, BeforeValidator(_url)]
Flag = Annotated[bool, BeforeValidator(_flag)]


class NodeSettings(BaseModel):
    """Settings of one node. Durations in seconds unless the name says otherwise; paths are absolute."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    node_env: Literal["development", "production"]
    coordinator_url: Address
    interface_identification: str = Field(min_length=1, max_length=200, repr=False)
    node_address: Address | None
    node_host: str = Field(min_length=1, max_length=255)
    node_port: int = Field(ge=0, le=65535)
    node_slots: int = Field(ge=1, le=64)
    node_device: str = Field(pattern=r"^(auto|cpu|cuda(:\d{1,2}(,\d{1,2})*)?)$")
    node_name: str = Field(min_length=1, max_length=100)
    node_drain_seconds: float = Field(ge=0, le=3600)
    task_timeout: int = Field(ge=1000, le=86_400_000, description="milliseconds")
    node_isolation: Flag
    model_load_timeout: float = Field(gt=0, le=86_400)
    allow_insecure_coordinator: Flag
    segfleet_home: Path
    segfleet_cache: Path
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    log_format: Literal["json", "text"]
    log_file: Path | None

    @property
    def node_home(self) -> Path:
        """Identity, outbox, work and fetched sources of this node."""
        return self.segfleet_home / "node"


def from_environment(
    overrides: Mapping[str, str | None] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    resolve: Resolver | None = None,
) -> NodeSettings:
    """Read the settings of a node. Raises SettingsError with one sentence.

    `overrides` are command-line options by key; None means not given. `environment` and `directory` default to
    the process's own; `resolve` turns a host name into addresses.
    """
    env = os.environ if environment is None else environment
    root = Path.cwd() if directory is None else directory
    values = {name: key.default for name, key in KEYS.items()}
    values.update(_file_values(root / _file_name(env)))
    values.update({name: env[name] for name in KEYS if env.get(name)})
    values.update({name: value for name, value in (overrides or {}).items() if value is not None})
    settings = _validated({name: value for name, value in values.items() if KEYS[name].owner != "coordinator"}, root)
    _refuse_plain_http(settings, resolve or _addresses)
    return settings


def without_keys() -> dict[str, str]:
    """The process's environment for a child that is to know none of our settings and so none of our secrets."""
    return {name: value for name, value in os.environ.items() if name not in KEYS}


def _file_name(env: Mapping[str, str]) -> str:
    chosen = env.get("NODE_ENV") or "development"
    if chosen not in {"development", "production"}:
        raise SettingsError(f"NODE_ENV must be development or production, not {chosen!r}.")
    return ".env.production" if chosen == "production" else ".env"


def _file_values(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    found = dotenv_values(path, interpolate=False)
    unknown = sorted(set(found) - set(KEYS))
    if unknown:
        raise SettingsError(f"{path.name} has the unknown key {unknown[0]}; remove it or correct its spelling.")
    return {name: value for name, value in found.items() if value}


def _validated(values: dict[str, str], root: Path) -> NodeSettings:
    fields: dict[str, Any] = {name.lower(): value for name, value in values.items()}
    for name in sorted(_PORT_KEYS & set(values)):
        if values[name].startswith("tcp://"):
            raise SettingsError(
                f"{name} is {values[name]!r}, which Kubernetes sets for a service of that name; "
                "rename the service or set enableServiceLinks: false in the pod."
            )
    fields["segfleet_home"] = _absolute(values["SEGFLEET_HOME"], root)
    cache = values["SEGFLEET_CACHE"]
    fields["segfleet_cache"] = _absolute(cache, root) if cache else user_cache_path("segfleet", appauthor=False)
    fields["log_file"] = _absolute(values["LOG_FILE"], root) if values["LOG_FILE"] else None
    fields["node_name"] = values["NODE_NAME"] or socket.gethostname()[:100]
    fields["node_address"] = values["NODE_ADDRESS"] or None
    fields["log_level"] = values["LOG_LEVEL"].upper()
    try:
        return NodeSettings.model_validate(fields)
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None


def _absolute(text: str, root: Path) -> Path:
    return (root / Path(text).expanduser()).resolve()


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]).upper()
    shown = "" if name == "INTERFACE_IDENTIFICATION" else f" {first['input']!r}"
    reason = first["msg"].removeprefix("Value error, ")
    meaning = KEYS[name].meaning if name in KEYS else ""
    return f"{name}{shown} is not valid: {reason} ({meaning})."


def _refuse_plain_http(settings: NodeSettings, resolve: Resolver) -> None:
    url = urlsplit(settings.coordinator_url)
    if settings.node_env != "production" or url.scheme == "https" or settings.allow_insecure_coordinator:
        return
    host = url.hostname or ""
    if not _is_private(host, resolve):
        raise SettingsError(
            f"COORDINATOR_URL {settings.coordinator_url} sends pictures over plain http to a public address; "
            "use https, or set ALLOW_INSECURE_COORDINATOR=true if that is meant."
        )


def _is_private(host: str, resolve: Resolver) -> bool:
    """Loopback, a private network, or a name without a dot, which only a private resolver knows."""
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        addresses = [ipaddress.ip_address(text) for text in resolve(host)]
        return "." not in host or (bool(addresses) and all(one.is_private for one in addresses))
    return literal.is_private


def _addresses(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return sorted({str(entry[4][0]).partition("%")[0] for entry in found})
