"""Weak secrets must not meet strangers, even when somebody else's command line chose the address to listen on."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from coordinator.api.errors import error_response
from coordinator.errors import LoopbackOnly
from coordinator.settings import is_loopback


class OwnMachineOnly:
    """Refuses every peer that is not of this machine. `why` names the weak secret, never its value."""

    def __init__(self, app: ASGIApp, why: str) -> None:
        self.app = app
        self.why = why

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        peer = (scope.get("client") or ("", 0))[0]
        if scope["type"] == "lifespan" or not peer or is_loopback(peer):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": self.why})
        else:
            language = Headers(scope=scope).get("accept-language", "")
            await error_response(LoopbackOnly(f"{self.why}."), language)(scope, receive, send)
