"""Sends webhooks: to an address that was checked while the socket was made, bounded in time and in what is read.

A name is resolved once for each message, by threads of our own, because a lookup cannot be ended and others need
theirs. Few look for one account at a time: the names are its own, and so may be the servers that never answer. Every
address that a name has must be allowed; the connection then goes to one of those and to nothing that the name says
later. Receivers are strangers: no redirects, no cookies, no compression, no proxy of the environment.
"""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from threading import Lock
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from coordinator.clock import monotonic
from coordinator.domain.webhooks import ANSWER_CHARACTERS, DETAIL_CHARACTERS, Answer, Fault, fault_of
from coordinator.domain.words import plain
from coordinator.gateway.networks import Forbidden, Networks

HEAD_S: Final = 8.0
BODY_S: Final = 2.0
CONNECT_S: Final = 5.0
ANSWER_BYTES: Final = 64 * 1024
CONNECTIONS: Final = 128
LOOKUPS: Final = 64
OF_ONE: Final = 6
"""Lookups of one account that have not come back, also when nobody waits for them any more: as many as it may have
messages and trials under way."""
LONGEST_RETRY_AFTER: Final = 6
_NUMERIC: Final = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV

Lookup = Callable[..., Sequence[tuple[Any, ...]]]
"""`socket.getaddrinfo`, or what a test knows better."""
_ACCOUNT: Final = ContextVar[str]("account")
"""Whose message is being sent: a resolver is told nothing but a name."""


class CheckedResolver(AbstractResolver):
    """Every address of a name, when all of them are allowed. Forbidden, or what the lookup raises."""

    def __init__(self, networks: Networks, lookup: Lookup) -> None:
        self._networks = networks
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="webhook-names")
        self._running: Counter[str] = Counter()
        self._lock = Lock()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Look the name up once."""
        account = _ACCOUNT.get()
        self._begin(account)
        looking = self._threads.submit(self._lookup, host, port, family, socket.SOCK_STREAM)
        looking.add_done_callback(lambda _: self._end(account))
        found = await asyncio.wrap_future(looking)
        addresses = [(kind, proto, str(target[0])) for kind, _, proto, _, target in found]
        if not all(self._networks.permits(address.partition("%")[0]) for _, _, address in addresses):
            raise Forbidden("the name has an address that is not called")
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=proto, flags=_NUMERIC)
            for kind, proto, address in addresses
        ]

    def _begin(self, account: str) -> None:
        with self._lock:
            if self._running[account] >= OF_ONE:
                raise socket.gaierror(socket.EAI_AGAIN, "earlier lookups of this account have not come back")
            self._running[account] += 1

    def _end(self, account: str) -> None:
        """In the thread that looked."""
        with self._lock:
            self._running[account] -= 1
            self._running += Counter()

    async def close(self) -> None:
        """Let go of lookups that nobody waits for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class WebhookSender:
    """One client for all receivers, opened by the first message and closed by `close`."""

    def __init__(
        self,
        networks: Networks,
        lookup: Lookup = socket.getaddrinfo,
        trust: ssl.SSLContext | bool = True,
        patience_s: float = HEAD_S,
    ) -> None:
        self._networks = networks
        self._lookup = lookup
        self._trust = trust
        self._patience_s = patience_s
        self._opened: tuple[aiohttp.ClientSession, CheckedResolver] | None = None

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            resolver = CheckedResolver(self._networks, self._lookup)
            connector = aiohttp.TCPConnector(
                limit=CONNECTIONS, use_dns_cache=False, resolver=resolver, force_close=True, ssl=self._trust,
                socket_factory=self._networks.socket,
            )  # fmt: skip
            session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"accept-encoding": "identity", "user-agent": "segfleet-webhooks"},
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
                auto_decompress=False,
                trust_env=False,
            )
            self._opened = session, resolver
        return self._opened[0]

    async def close(self) -> None:
        """Close every connection."""
        if self._opened is not None:
            session, resolver = self._opened
            await session.close()
            await resolver.close()

    async def send(self, url: str, body: bytes, headers: Mapping[str, str], account: str) -> Answer:
        """POST JSON of an account and say what came back; whatever goes wrong is an answer, too."""
        _ACCOUNT.set(account)
        began = monotonic()
        fault, detail = Fault.UNREACHABLE, ""
        try:
            return await self._post(url, body, headers, began)
        except TimeoutError:
            fault, detail = Fault.TIMEOUT, f"no answer within {self._patience_s:g} s"
        except aiohttp.ClientSSLError as error:
            fault, detail = Fault.TLS, str(error)
        except aiohttp.ClientConnectorError as error:
            fault, detail = _unconnected(error.os_error)
        except aiohttp.InvalidURL:
            fault, detail = Fault.ADDRESS_REFUSED, "the host is no name and no address in its usual form"
        except aiohttp.ClientResponseError as error:
            fault, detail = Fault.BAD_ANSWER, error.message
        except (aiohttp.ClientError, OSError, ValueError) as error:
            detail = f"the connection ended without an answer ({type(error).__name__})"
        return Answer(monotonic() - began, fault=fault, detail=plain(detail, DETAIL_CHARACTERS))

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str], began: float) -> Answer:
        given = {**headers, "content-type": "application/json"}
        target = URL(url, encoded=True)
        async with asyncio.timeout(self._patience_s):
            answer = await self._session().post(target, data=body, headers=given, allow_redirects=False)
        try:
            text = plain((await _beginning(answer)).decode("utf-8", "replace"), ANSWER_CHARACTERS)
        finally:
            answer.close()
        fault = fault_of(answer.status)
        detail = "" if fault is None else f"answered {answer.status}"
        wait = _seconds(answer.headers.get("retry-after", ""))
        return Answer(monotonic() - began, answer.status, text, fault, detail, wait)


def _unconnected(error: OSError) -> tuple[Fault, str]:
    match error:
        case Forbidden():
            return Fault.ADDRESS_REFUSED, str(error)
        case socket.gaierror():
            return Fault.UNKNOWN_HOST, error.strerror or "the name is not known"
        case _:
            return Fault.UNREACHABLE, error.strerror or type(error).__name__


async def _beginning(answer: aiohttp.ClientResponse) -> bytes:
    """What came of the body within the bounds: the status has said what matters."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) >= ANSWER_BYTES:
                    break
    except (TimeoutError, aiohttp.ClientError, OSError):
        pass
    return bytes(body[:ANSWER_BYTES])


def _seconds(retry_after: str) -> float:
    """The header as a number of seconds; 0 for a date, or for anything else."""
    digits = retry_after.strip()
    return float(digits) if digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_RETRY_AFTER else 0.0
