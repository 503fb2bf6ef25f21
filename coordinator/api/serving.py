"""Sending a file: ranges, validators, HEAD, and headers that keep a stranger's bytes from acting as our page."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from fastapi import Request
from starlette.responses import Response, StreamingResponse

from coordinator.api.errors import problem
from coordinator.errors import NotFound

BLOCK: Final = 256 * 1024
_RANGE: Final = re.compile(r"bytes=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*")
_NOT_SATISFIABLE: Final = "range_not_satisfiable"


class Span(NamedTuple):
    """Bytes of a file: from `start`, and how many."""

    start: int
    length: int


async def serve_file(
    request: Request, path: Path, *, etag: str, content_type: str, filename: str | None = None, max_age: int = 300
) -> Response:
    """The file, a range of it, or word that the caller has it already.

    `etag` is without quotes, best the sha256; `filename` makes a browser save the file under that name. NotFound: there
    is no such file.
    """
    try:
        size = (await asyncio.to_thread(path.stat)).st_size
    except FileNotFoundError as error:
        raise NotFound from error
    headers = _headers(etag, max_age, filename)
    if _matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    span = wanted(request.headers.get("range"), size) if _range_counts(request, etag) else Span(0, size)
    if span is None:
        return problem(
            _NOT_SATISFIABLE,
            request.headers.get("accept-language", ""),
            params={"size": size},
            headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"},
        )
    headers["Content-Length"] = str(span.length)
    status = 200
    if span.length != size:
        status = 206
        headers["Content-Range"] = f"bytes {span.start}-{span.start + span.length - 1}/{size}"
    if request.method == "HEAD":
        return Response(b"", status, headers, content_type)
    return StreamingResponse(_blocks(path, span), status, headers, content_type)


def wanted(header: str | None, size: int) -> Span | None:
    """What a Range header asks for; all of the file where the header is absent, malformed or names several ranges
    (RFC 9110 lets a server ignore those), None where no byte of it exists."""
    found = _RANGE.fullmatch(header or "")
    first, last = found.groups() if found else ("", "")
    if not first and not last:
        return Span(0, size)
    if not first:
        length = min(int(last), size)
        return Span(size - length, length) if length else None
    start = int(first)
    end = min(int(last), size - 1) if last else size - 1
    if last and int(last) < start:
        return Span(0, size)
    return Span(start, end - start + 1) if start < size else None


def disposition(filename: str) -> str:
    """`Content-Disposition: attachment` with a name that every browser understands (RFC 6266)."""
    plain = re.sub(r"[^ !#-\[\]-~]", "_", filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def _headers(etag: str, max_age: int, filename: str | None) -> dict[str, str]:
    headers = {
        "ETag": f'"{etag}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": f"private, max-age={max_age}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox",
    }
    if filename is not None:
        headers["Content-Disposition"] = disposition(filename)
    return headers


def _range_counts(request: Request, etag: str) -> bool:
    """If-Range: a range of another version is worth nothing, the whole file is sent instead."""
    condition = request.headers.get("if-range")
    return condition is None or condition == f'"{etag}"'


def _matches(header: str | None, etag: str) -> bool:
    if header is None:
        return False
    known = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return "*" in known or f'"{etag}"' in known


async def _blocks(path: Path, span: Span) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        await asyncio.to_thread(file.seek, span.start)
        left = span.length
        while left > 0:
            block = await asyncio.to_thread(file.read, min(BLOCK, left))
            if not block:
                return
            left -= len(block)
            yield block
    finally:
        file.close()
