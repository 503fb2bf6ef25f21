"""Who is asking, found once a request and before anything else reads it.

Programs send a bearer token, the page a cookie (`api.page_cookie`). Nothing is refused here: routes decide by their
dependencies, so a public route works with a stale token. Nodes' bearer tokens (cluster string, attempt tokens) are no
business of this middleware; their routes check them.
"""

import hmac
from ipaddress import IPv4Network, IPv6Network
from typing import cast

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from coordinator.api import page_cookie
from coordinator.api.addresses import client_address
from coordinator.api.paths import NODES, PAGES
from coordinator.errors import AccountError, CsrfRefused
from coordinator.services import sessions
from coordinator.services.context import Context
from coordinator.store.tables import Users


class Authentication:
    """Puts `account` (a row, an error, or None), `page_token` and `address` into the request's state.

    `page_token` is the cookie's value when the account was found by it, otherwise None. `site` is API_BASE_URL.
    """

    def __init__(self, app: ASGIApp, trusted: tuple[IPv4Network | IPv6Network, ...], site: str) -> None:
        self.app = app
        self.trusted = trusted
        self.site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            headers = Headers(scope=scope)
            peer = scope["client"][0] if scope.get("client") else ""
            scope["state"]["address"] = client_address(peer, headers.get("x-forwarded-for", ""), self.trusted)
            scope["state"]["page_token"] = None
            scope["state"]["account"] = await self._account(scope, headers)
        await self.app(scope, receive, send)

    async def _account(self, scope: Scope, headers: Headers) -> Users | AccountError | None:
        if scope["path"].startswith((NODES, PAGES)):
            return None
        scheme, _, token = headers.get("authorization", "").partition(" ")
        try:
            if scheme.lower() == "bearer" and token:
                return await sessions.authenticate(scope["state"]["context"], token.strip())
            cookie = page_cookie.token_in(headers, self.site)
            return await self._of_page(scope, headers, cookie) if cookie else None
        except AccountError as error:
            return error

    async def _of_page(self, scope: Scope, headers: Headers, token: str) -> Users:
        """Whose cookie it is. A browser sends it by itself, so what changes anything must come from our own page."""
        context: Context = scope["state"]["context"]
        account = await sessions.of_page(context, token)
        if scope["type"] == "websocket":
            page_cookie.refuse_other_sites(headers, self.site, origin_needed=True)
        elif scope["method"] not in page_cookie.SAFE:
            page_cookie.refuse_other_sites(headers, self.site)
            said = headers.get(page_cookie.CSRF_HEADER, "")
            if not hmac.compare_digest(context.tokens.csrf(token).encode(), said.encode()):
                raise CsrfRefused(reason="token")
        scope["state"]["page_token"] = token
        return account


def account_of(connection: HTTPConnection) -> Users | AccountError | None:
    """Who asks, for HTTP and for a WebSocket's handshake alike: an account, what was wrong, or None for nobody.

    A browser's WebSocket arrives with the page's cookie, which counts only when its `Origin` is ours.
    """
    return cast("Users | AccountError | None", connection.scope["state"]["account"])


def page_token(connection: HTTPConnection) -> str | None:
    """The cookie's value when the account was found by it."""
    return cast("str | None", connection.scope["state"]["page_token"])
