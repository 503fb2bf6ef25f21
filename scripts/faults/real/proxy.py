"""A stretch of network between two parties: passes bytes, swallows one direction, or refuses."""

import asyncio
import contextlib
import threading
from typing import Literal, Self

Mode = Literal["pass", "no answers", "no requests", "closed"]
BLOCK = 64 * 1024


class Network:
    """Runs every proxy on one event loop in a thread of its own. Use with `with`."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._proxies: list[Proxy] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for proxy in self._proxies:
            asyncio.run_coroutine_threadsafe(proxy.close(), self.loop).result(5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()

    def proxy(self, target: int) -> "Proxy":
        """A new way to the port `target` of this machine."""
        made = Proxy(target)
        asyncio.run_coroutine_threadsafe(made.open(), self.loop).result(5)
        self._proxies.append(made)
        return made


class Proxy:
    """`mode` may be set from any thread. A connection that lost bytes is cut when the mode changes, as after a real
    outage nobody goes on in mid-sentence."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.mode: Mode = "pass"
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Listen on a free port."""
        server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = int(server.sockets[0].getsockname()[1])
        self._server = server

    async def close(self) -> None:
        """Listen no more, and cut what is open."""
        self._server.close()
        for one in self._connections:
            one.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await asyncio.sleep(0)  # the transports close in the next turn of the loop

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._connected(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.mode != "closed":
                await self._joined(reader, writer)
        except OSError:
            pass  # nobody listens there now
        finally:
            writer.transport.abort()

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", self.target)
        ways = {
            asyncio.create_task(self._pump(reader, forth, "no requests")),
            asyncio.create_task(self._pump(back, writer, "no answers")),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            forth.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, swallowing: Mode) -> None:
        lost = False
        with contextlib.suppress(OSError):
            while block := await reader.read(BLOCK):
                if self.mode == "closed" or (lost and self.mode == "pass"):
                    return
                if self.mode == swallowing:
                    lost = True
                    continue
                writer.write(block)
                await writer.drain()
