"""What an answer of the coordinator means. Nothing from httpx or aiohttp passes this module upwards."""

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import urljoin, urlsplit

import aiohttp
import httpx
from pydantic import ValidationError

from protocol.base import WireModel
from protocol.problems import Problem

_NETWORK: Final = (httpx.HTTPError, aiohttp.ClientError, TimeoutError, OSError)
_AGAIN: Final = frozenset({408, 425, 429})
_UNKNOWN_CODES: Final = frozenset({"bad_signature", "not_found"})
_NOT_FORWARDED: Final = frozenset({"authorization"})

Reply = TypeVar("Reply", bound=WireModel)
T = TypeVar("T")


class CoordinatorError(Exception):
    """The root. Never raised itself."""


class Unreachable(CoordinatorError):
    """No answer of the coordinator's own: the network, a proxy's page, a 5xx. Try again."""


class NotKnown(CoordinatorError):
    """The coordinator does not know this node or its secret any more. Register again."""


class Gone(CoordinatorError):
    """The attempt is over; drop it."""


class WrongOffset(CoordinatorError):
    """A piece does not start where the file ends; `received` bytes are there."""

    def __init__(self, received: int) -> None:
        super().__init__(f"{received} bytes are there")
        self.received = received


class Refused(CoordinatorError):
    """A refusal that a repeat will not change."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Download:
    """An open answer to a GET: where its bytes start in the file, and the bytes.

    `total` is the size of the whole file and `etag` its validator, where the answer says so.
    """

    start: int
    chunks: AsyncIterator[bytes]
    partial: bool = False
    total: int | None = None
    etag: str | None = None


async def network(request: Awaitable[T]) -> T:
    """Await a request; whatever the network does is Unreachable."""
    try:
        return await request
    except _NETWORK as error:
        raise Unreachable(f"{type(error).__name__}: {error}") from error


def parsed(kind: type[Reply], answer: httpx.Response) -> Reply:
    """Our own JSON of a 2xx, or the error that the answer means."""
    if not answer.is_success:
        raise failure(answer)
    try:
        return kind.model_validate_json(answer.content or b"{}")
    except ValidationError as error:
        raise Unreachable(f"{answer.status_code} with a body that is not the coordinator's") from error


def problem(answer: httpx.Response) -> Problem | None:
    """The problem in an answer; None when somebody else wrote it."""
    try:
        return Problem.model_validate_json(answer.content)
    except ValidationError:
        return None


def failure(answer: httpx.Response) -> CoordinatorError:
    """The error that an answer means; its body must have been read."""
    status, found = answer.status_code, problem(answer)
    if found is None or status >= 500 or status in _AGAIN:
        return Unreachable(f"answered {status}")
    if status == 410:
        return Gone(found.detail or found.code)
    received = found.params.get("received")
    if found.code == "wrong_offset" and isinstance(received, int):
        return WrongOffset(received)
    if found.code in _UNKNOWN_CODES and status in {401, 404}:
        return NotKnown(found.code)
    return Refused(status, found.code, found.detail)


async def opened(answer: httpx.Response) -> Download:
    """A streamed answer to a GET as bytes that start somewhere."""
    etag = answer.headers.get("etag")
    if answer.status_code == 206:
        start, total = _content_range(answer.headers.get("content-range", ""))
        return Download(start, _chunks(answer), True, total, etag)
    if answer.status_code == 200:
        length = answer.headers.get("content-length", "")
        return Download(0, _chunks(answer), False, int(length) if length.isdecimal() else None, etag)
    await network(answer.aread())
    raise failure(answer)


def quoted(etag: str) -> str:
    """An entity tag as headers carry it."""
    return etag if etag.endswith('"') else f'"{etag}"'


async def _chunks(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    except _NETWORK as error:
        raise Unreachable(f"{type(error).__name__}: {error}") from error


def _content_range(text: str) -> tuple[int, int | None]:
    """The first byte of what came, and the size of the file where it is known."""
    unit, _, rest = text.partition(" ")
    span, _, total = rest.partition("/")
    first = span.partition("-")[0]
    if unit != "bytes" or not first.isdecimal():
        raise Unreachable("206 without a Content-Range")
    return int(first), int(total) if total.isdecimal() else None


def followed(url: str, answer: httpx.Response, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Where a redirect leads, and the headers to send there: the token never reaches another origin."""
    target = urljoin(url, answer.headers.get("location", ""))
    here, there = urlsplit(url), urlsplit(target)
    if there.scheme not in {"http", "https"}:
        raise Unreachable("redirected to something that is not http")
    if (here.scheme, here.netloc) == (there.scheme, there.netloc):
        return target, headers
    return target, {name: value for name, value in headers.items() if name not in _NOT_FORWARDED}
