"""uvicorn's WebSocket, which can also be closed while its reader takes nothing."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

DROP: Final = "segfleet.drop"
"""The key in a scope's `extensions` of a `Drop`."""
GRACE_S: Final = 10.0
Drop = Callable[[int, str], None]


class LiveProtocol(WebSocketsSansIOProtocol):
    """Puts a `Drop` into the scope.

    uvicorn's own way to close waits until all that was sent is taken, and a peer whose system still acknowledges never
    takes it: such sockets would pile up.
    """

    def handle_connect(self, event: Request) -> None:
        """As uvicorn does; the application starts in the loop's next turn."""
        super().handle_connect(event)
        if not self.close_sent:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[DROP] = self.drop

    def drop(self, code: int, reason: str) -> None:
        """Say why behind what was already sent, and cut the connection when that was not taken within `GRACE_S`."""
        if self.close_sent or self.transport.is_closing():
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        loop: asyncio.AbstractEventLoop = self.loop
        self.close_timer = loop.call_later(GRACE_S, self.transport.abort)
