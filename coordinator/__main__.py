"""`python -m coordinator`: the coordinator on API_HOST and API_PORT."""

import signal
import socket
import sys
from typing import Any

import uvicorn

from coordinator import logs
from coordinator.api.live_transport import LiveProtocol
from coordinator.app import create_app, settings_or_exit
from coordinator.services.context import Context
from coordinator.store.database import unreachable

GRACE_S = 10
"""Requests and sockets get this long to end after a signal."""


SOCKET_BYTES = 65_536
"""The largest message of a client."""
STARTUP_FAILURE = 3


class Server(uvicorn.Server):
    """uvicorn, which at the end sends every long poll home: they would hold it for as long as they wait."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop as uvicorn does."""
        context: Context | None = self.lifespan.state.get("context")
        if context is not None:
            context.polls.close()
            context.watch.close()
        await super().shutdown(sockets)


def main() -> None:
    """Run until a signal. uvicorn leaves X-Forwarded-* alone: TRUSTED_PROXIES decides about them."""
    signal.signal(signal.SIGTERM, _leave)
    settings = settings_or_exit()
    logs.configure(settings.log_level, settings.log_format, settings.log_file)
    why = unreachable(settings.database_url)
    if why is not None:
        sys.stderr.write(f"The database cannot be reached: {why}\n")
        raise SystemExit(STARTUP_FAILURE)
    given: dict[str, Any] = {
        "host": settings.api_host,
        "port": settings.api_port,
        "proxy_headers": False,
        "server_header": False,
        "access_log": False,
        "log_config": None,
        "timeout_graceful_shutdown": GRACE_S,
        "ws": LiveProtocol,
        "ws_max_size": SOCKET_BYTES,
        # every reader would have a window and a compression of its own, and an event is made once for all
        "ws_per_message_deflate": False,
    }
    if settings.api_debug:
        uvicorn.run("coordinator.app:from_environment", factory=True, reload=True, **given)
        return
    server = Server(uvicorn.Config(create_app(settings), **given))
    server.run()
    if not server.started:
        raise SystemExit(STARTUP_FAILURE)


def _leave(_number: int, _frame: object) -> None:
    """uvicorn sends itself the signal again when everything is closed; asked to stop is no failure."""
    raise SystemExit(0)


if __name__ == "__main__":
    main()
