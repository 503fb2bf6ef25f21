"""A node's HTTP side, as small as it can be: answers whatever the test says, on a real socket."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from protocol import signing


@dataclass(frozen=True)
class Asked:
    """One request: header names in lower case, `path` with its query."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[Asked], Awaitable[bytes]]


def answer(status: int, body: object = None, headers: str = "") -> bytes:
    """A whole HTTP answer; a body that is not bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\nContent-Type: application/json\r\n{headers}\r\n"
    return head.encode() + content


@dataclass
class FakeNode:
    """Where it listens, and what it was asked."""

    port: int
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def fake_node(reply: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeNode]:
    """Listen on a free loopback port until the block ends, in TLS if asked to; every request is answered by `reply`."""
    node = FakeNode(0)
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            while asked := await _request(reader):
                node.asked.append(asked)
                writer.write(await reply(asked))
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    node.port = server.sockets[0].getsockname()[1]
    try:
        yield node
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _request(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    method, path, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, path, headers, body)


def proof(asked: Asked, node_id: str, secret: str) -> bytes:
    """What a true node answers to `GET /identity?nonce=`."""
    nonce = parse_qs(urlsplit(asked.path).query)["nonce"][0]
    return answer(200, {"node_id": node_id, "boot_id": "boot", "proof": signing.identity_proof(secret, nonce)})
