"""Requests to the coordinator. Every failure is one of the classes of `answers`."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import httpx
from httpx_aiohttp import AiohttpTransport

from interface_node.coordinator_client import answers
from interface_node.coordinator_client.answers import Download, NotKnown, Refused, Reply, Unreachable
from interface_node.coordinator_client.clock import ServerClock
from protocol import signing
from protocol.base import InterfaceId, WireModel
from protocol.interfaces import Heartbeat, HeartbeatReply, Leave, Next, NextReply, Register, Registered
from protocol.reports import Callback, CallbackReply, PieceReply

BASE: Final = "/api/v1/interfaces"
SHORT: Final = httpx.Timeout(5.0)
POLL: Final = httpx.Timeout(5.0, read=35.0)
PIECE: Final = httpx.Timeout(5.0, read=30.0)
PIECE_DEADLINE_S: Final = 60.0
LIMITS: Final = httpx.Limits(max_connections=100, keepalive_expiry=3.0)
"""Shorter than servers keep idle connections: a request on one that just closed would be lost."""
REDIRECTS: Final = 3
BLOCK_BYTES: Final = 256 * 1024


@dataclass(frozen=True)
class Credentials:
    """What registration gave. `secrets` newest first; the older one counts until the newest was used once."""

    interface_id: InterfaceId
    secrets: tuple[str, ...] = field(repr=False)


class CoordinatorClient:
    """One connection pool to one coordinator. `keep` stores credentials whenever they change."""

    def __init__(self, base_url: str, cluster_string: str, keep: Callable[[Credentials], None]) -> None:
        self.base_url = base_url.rstrip("/")
        self.clock = ServerClock()
        self.credentials: Credentials | None = None
        self.storage_origins: frozenset[str] = frozenset()
        self._cluster_string = cluster_string
        self._keep = keep
        self._http = httpx.AsyncClient(transport=AiohttpTransport(limits=LIMITS), timeout=SHORT, follow_redirects=False)

    async def close(self) -> None:
        """Close the pool."""
        await self._http.aclose()

    async def register(self, message: Register) -> Registered:
        """Join. With credentials, the row is kept: each secret is tried, then the node joins as a new one."""
        known = self.credentials
        for secret in known.secrets if known else ():
            try:
                return await self._register(message, secret)
            except NotKnown:
                continue
        return await self._register(message, None)

    async def _register(self, message: Register, secret: str | None) -> Registered:
        headers = {"authorization": f"Bearer {self._cluster_string}"}
        reply = await self._json(Registered, f"{BASE}/register", message, SHORT, secret, headers)
        older = (secret,) if secret is not None else ()
        self.credentials = Credentials(reply.interface_id, (reply.secret, *older))
        self._keep(self.credentials)
        self.storage_origins = frozenset(origin.rstrip("/") for origin in reply.storage_origins)
        self.clock.set(reply.server_time)
        return reply

    async def heartbeat(self, message: Heartbeat) -> HeartbeatReply:
        """Say what lives here; learn what to do."""
        reply = await self._signed(HeartbeatReply, f"{BASE}/heartbeat", message, SHORT)
        self.clock.set(reply.server_time)
        return reply

    async def next(self, message: Next) -> NextReply:
        """Ask for work; the answer may take `message.wait_s`."""
        reply = await self._signed(NextReply, f"{BASE}/next", message, POLL)
        self.clock.set(reply.server_time)
        return reply

    async def leave(self, message: Leave) -> None:
        """Offline from now on."""
        await self._signed(WireModel, f"{BASE}/leave", message, SHORT)

    async def callback(self, url: str, message: Callback) -> CallbackReply:
        """Report on an attempt. Gone when it is over."""
        return await self._signed(CallbackReply, url, message, SHORT)

    async def received(self, url: str, token: str) -> int:
        """How many bytes of an artifact are durable."""
        answer = await self._send("GET", self.resolve(url), SHORT, headers=self._bearer(url, token))
        return answers.parsed(PieceReply, answer).received

    async def put_piece(self, url: str, token: str, data: bytes, start: int, total: int) -> int:
        """Send bytes `start .. start + len(data)` of an artifact; how many are durable now."""
        last = start + len(data) - 1
        headers = {
            **self._bearer(url, token),
            "content-type": "application/octet-stream",
            "content-length": str(len(data)),
            "content-range": f"bytes {start}-{last}/{total}",
        }
        try:
            async with asyncio.timeout(PIECE_DEADLINE_S):
                answer = await self._send("PUT", self.resolve(url), PIECE, headers=headers, content=_blocks(data))
        except TimeoutError as error:
            raise Unreachable("a piece took too long") from error
        return answers.parsed(PieceReply, answer).received

    @asynccontextmanager
    async def download(
        self, url: str, token: str, start: int, etag: str, end: int | None = None
    ) -> AsyncIterator[Download]:
        """Open a file from byte `start` on, before `end`; follows redirects, the token only to the coordinator itself.

        A server may send more than was asked for, and all of it when the file is not that of `etag` any more.
        """
        target, headers = self.resolve(url), {**self._bearer(url, token), "accept-encoding": "identity"}
        if start or end is not None:
            last = "" if end is None else end - 1
            headers.update({"range": f"bytes={start}-{last}", "if-range": answers.quoted(etag)})
        for _ in range(REDIRECTS + 1):
            request = self._http.build_request("GET", target, headers=headers, timeout=PIECE)
            answer = await answers.network(self._http.send(request, stream=True))
            try:
                if answer.status_code not in {302, 303, 307, 308}:
                    yield await answers.opened(answer)
                    return
                target, headers = answers.followed(target, answer, headers)
            finally:
                await answer.aclose()
        raise Unreachable("too many redirects")

    def resolve(self, url: str) -> str:
        """A path lies below the coordinator's address; anything else must be on a storage origin. Else Refused."""
        if url.startswith("/") and not url.startswith("//") and "\\" not in url:
            return self.base_url + url
        parts = urlsplit(url)
        if f"{parts.scheme}://{parts.netloc}" in self.storage_origins:
            return url
        raise Refused(422, "address_refused", "an address that is neither the coordinator's nor its storage's")

    def _bearer(self, url: str, token: str) -> dict[str, str]:
        return {"authorization": f"Bearer {token}"} if url.startswith("/") else {}

    async def _signed(self, kind: type[Reply], path: str, message: WireModel, timeout: httpx.Timeout) -> Reply:
        known = self.credentials
        if known is None:
            raise NotKnown("not registered yet")
        reply = await self._json(kind, path, message, timeout, known.secrets[0], {})
        if len(known.secrets) > 1 and self.credentials is known:
            self.credentials = Credentials(known.interface_id, known.secrets[:1])
            self._keep(self.credentials)
        return reply

    async def _json(
        self,
        kind: type[Reply],
        path: str,
        message: WireModel,
        timeout: httpx.Timeout,
        secret: str | None,
        headers: Mapping[str, str],
    ) -> Reply:
        """POST `message`; a `clock_skew` sets the clock by what the answer says and is signed once more."""
        target, body = self.resolve(path), message.model_dump_json().encode()
        for last in (False, True):
            signed = self._signature(secret, path, body) if secret else {}
            sent = {"content-type": "application/json", **headers, **signed}
            answer = await self._send("POST", target, timeout, headers=sent, content=body)
            if last or not self._corrected(answer):
                return answers.parsed(kind, answer)
        raise AssertionError("unreachable")

    def _corrected(self, answer: httpx.Response) -> bool:
        problem = answers.problem(answer) if answer.status_code == 401 else None
        said = problem.params.get("server_time") if problem and problem.code == "clock_skew" else None
        if not isinstance(said, int | float):
            return False
        self.clock.set(float(said))
        return True

    def _signature(self, secret: str, path: str, body: bytes) -> dict[str, str]:
        signed = signing.sign(
            secret,
            "to-coordinator",
            message_id=f"msg_{uuid.uuid4().hex}",
            now=self.clock.now(),
            method="POST",
            path=path,
            body=body,
        )
        owner = self.credentials.interface_id if self.credentials else ""
        return {**signed, signing.INTERFACE_HEADER: owner}

    async def _send(
        self,
        method: str,
        url: str,
        timeout: httpx.Timeout,
        *,
        headers: Mapping[str, str],
        content: bytes | AsyncIterator[bytes] | None = None,
    ) -> httpx.Response:
        return await answers.network(
            self._http.request(method, url, headers=dict(headers), content=content, timeout=timeout)
        )


async def _blocks(data: bytes) -> AsyncIterator[bytes]:
    """A large body at once would hold up the event loop."""
    for start in range(0, len(data), BLOCK_BYTES):
        yield data[start : start + BLOCK_BYTES]
