"""The page's session: a cookie that no script reads, and what keeps other sites from using it.

`site` is `API_BASE_URL`. The cookie is `SameSite=Strict`, so a browser does not even send it for other sites' pages;
the token in `X-CSRF-Token` and the check of the origin hold where a browser does not know that rule.
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response

from coordinator.errors import CsrfRefused, InsecureSite
from coordinator.settings import is_loopback

CSRF_HEADER: Final = "X-CSRF-Token"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


def is_secure(site: str) -> bool:
    """Whether browsers reach us over https."""
    return site.lower().startswith("https://")


def cookie_name(site: str) -> str:
    """With `__Host-` a browser takes the cookie only from this very host, over https, for all paths."""
    return "__Host-segfleet" if is_secure(site) else "segfleet"


def token_in(headers: Headers, site: str) -> str:
    """The value of the cookie, or ""."""
    return cookie_parser(headers.get("cookie", "")).get(cookie_name(site), "")


def give(response: Response, site: str, token: str, life_s: int) -> None:
    """Set the cookie; it ends with the session."""
    response.set_cookie(
        cookie_name(site), token, max_age=life_s, path="/", secure=is_secure(site), httponly=True, samesite="strict"
    )


def take(response: Response, site: str) -> None:
    """Make the browser forget the cookie."""
    response.delete_cookie(cookie_name(site), path="/", secure=is_secure(site), httponly=True, samesite="strict")


def refuse_plain_http(headers: Headers, site: str) -> None:
    """A password and a cookie travel over plain http only within one machine. InsecureSite."""
    host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
    if not is_secure(site) and not is_loopback(host):
        raise InsecureSite(f"Open the pages over https, and set API_BASE_URL to that address; it is {site}.")


def refuse_other_sites(headers: Headers, site: str, *, origin_needed: bool = False) -> None:
    """Refuse what a browser sends for another site's page. CsrfRefused.

    Programs send neither `Sec-Fetch-Site` nor `Origin`; browsers send one of them with every unsafe request, and an
    `Origin` with every WebSocket (`origin_needed`).
    """
    origin = headers.get("origin")
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise CsrfRefused(reason="origin")
    if origin is None and origin_needed:
        raise CsrfRefused(reason="origin")
    if origin is not None and _plain(origin) not in _own_origins(headers, site):
        raise CsrfRefused(reason="origin")


def _own_origins(headers: Headers, site: str) -> set[str]:
    """API_BASE_URL, and the host that the browser asked for: it sends a host's cookies to no other."""
    parts = urlsplit(site)
    return {_plain(f"{parts.scheme}://{parts.netloc}"), _plain(f"{parts.scheme}://{headers.get('host', '')}")}


def _plain(origin: str) -> str:
    found = origin.lower()
    return found.removesuffix(_DEFAULT_PORTS.get(found.partition("://")[0], "/"))
