"""How the text of a setting becomes a value: durations, sizes, networks, origins, database addresses."""

import re
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated
from urllib.parse import urlsplit

from limits import parse_many
from pydantic import BeforeValidator, Field
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

Network = IPv4Network | IPv6Network
MIB = 1024 * 1024
_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_DRIVERS = {
    "sqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
}


def _flag(value: str) -> bool:
    word = value.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("must be true or false")
    return word in _TRUE


def _life(value: str) -> int:
    found = re.fullmatch(r"([1-9][0-9]{0,8})([smhd]?)", value.strip())
    if not found:
        raise ValueError("must be seconds, or a number with s, m, h or d")
    return int(found[1]) * _UNITS[found[2]]


def _mebibytes(value: str) -> int:
    try:
        return int(float(value) * MIB)
    except (ValueError, OverflowError):
        raise ValueError("must be a number of MB") from None


def _milliseconds(value: str) -> float:
    try:
        return float(value) / 1000
    except ValueError:
        raise ValueError("must be a number of milliseconds") from None


def _words(value: str) -> list[str]:
    return [word for word in re.split(r"[\s,]+", value) if word]


def _networks(value: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(word) for word in _words(value))
    except ValueError as error:
        raise ValueError(f"{error}; give addresses or networks such as 10.0.0.0/8") from None


def _origin(word: str) -> str:
    url = urlsplit(word.rstrip("/"))
    if url.scheme not in {"http", "https"} or not url.hostname or url.path or url.query or url.fragment or "@" in word:
        raise ValueError(f"{word!r} is no origin such as https://segfleet.example.org")
    return f"{url.scheme}://{url.netloc.lower()}"


def _origins(value: str) -> tuple[str, ...]:
    return tuple(_origin(word) for word in _words(value))


def _address(value: str) -> str:
    url = urlsplit(value)
    if url.scheme not in {"http", "https"} or not url.hostname or url.query or url.fragment or "@" in value:
        raise ValueError("must be a plain http:// or https:// address")
    return value.rstrip("/")


def _rate_limit(value: str) -> str:
    try:
        parse_many(value)
    except ValueError:
        raise ValueError("must be a number per time such as 600/minute") from None
    return value


def _path(value: str) -> str:
    path = value.strip("/")
    if not re.fullmatch(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", path) or path.split("/")[0] in {"api", "docs"}:
        raise ValueError("must be a path of letters, digits, - and _ that is not below api or docs")
    return path


def _sql_url(value: str) -> str:
    try:
        url = make_url(value)
    except ArgumentError:
        raise ValueError("must be an address such as postgresql://user:password@host/name") from None
    dialect, _, driver = url.drivername.partition("+")
    known = _DRIVERS.get(dialect)
    if known is None or (driver and known.partition("+")[2] != driver):
        raise ValueError("the dialect must be sqlite, postgresql or mysql, without a driver")
    package = known.partition("+")[2]
    if package and find_spec(package) is None:
        extra = "postgres" if package == "psycopg" else "mysql"
        raise ValueError(f"needs the package {package}, which the extra segfleet[{extra}] brings")
    return url.set(drivername=known).render_as_string(hide_password=False)


def server_url(dialect: str, host: str, port: str, name: str, user: str, password: str) -> str:
    """The address of a database server from the seeds' `DB_*` keys. ValueError: one sentence without a full stop."""
    if dialect not in _DRIVERS or dialect == "sqlite":
        raise ValueError(f"DB_DIALECT must be mysql or postgresql, not {dialect!r}")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"DB_PORT must be a port number, not {port!r}")
    url = URL.create(_DRIVERS[dialect], user, password or None, host, int(port) if port else None, name)
    return url.render_as_string(hide_password=False)


Address = Annotated[str, BeforeValidator(_address)]
Bytes = Annotated[int, BeforeValidator(_mebibytes), Field(ge=1, le=2**50)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Life = Annotated[int, BeforeValidator(_life), Field(ge=60)]
Milliseconds = Annotated[float, BeforeValidator(_milliseconds), Field(ge=1, le=86_400)]
Networks = Annotated[tuple[Network, ...], BeforeValidator(_networks)]
Origins = Annotated[tuple[str, ...], BeforeValidator(_origins)]
RateLimit = Annotated[str, BeforeValidator(_rate_limit)]
SqlUrl = Annotated[str, BeforeValidator(_sql_url)]
UrlPath = Annotated[str, BeforeValidator(_path)]
