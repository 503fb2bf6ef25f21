"""Who is asking, found once a request and before anything else reads it.

Nothing is refused here: routes decide by their dependencies, so a public route works with a stale token. Nodes'
bearer tokens (cluster string, attempt tokens) are no business of this middleware; their routes check them.
"""

from ipaddress import IPv4Network, IPv6Network

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from coordinator.api.addresses import client_address
from coordinator.api.paths import NODES
from coordinator.errors import AccountError
from coordinator.services import sessions
from coordinator.services.context import Context
from coordinator.store.tables import Users


class Authentication:
    """Puts `account` (a row, an error, or None) and `address` into the request's state."""

    def __init__(self, app: ASGIApp, trusted: tuple[IPv4Network | IPv6Network, ...]) -> None:
        self.app = app
        self.trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            headers = Headers(scope=scope)
            peer = scope["client"][0] if scope.get("client") else ""
            scope["state"]["address"] = client_address(peer, headers.get("x-forwarded-for", ""), self.trusted)
            scope["state"]["account"] = await self._account(scope, headers)
        await self.app(scope, receive, send)

    async def _account(self, scope: Scope, headers: Headers) -> Users | AccountError | None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token or scope["path"].startswith(NODES):
            return None
        context: Context = scope["state"]["context"]
        try:
            return await sessions.authenticate(context, token.strip())
        except AccountError as error:
            return error
