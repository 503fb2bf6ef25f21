"""`multipart/form-data` read as it arrives: the file goes on in chunks, nothing is spooled, small fields are kept."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from coordinator.errors import InvalidRequest, TruncatedUpload, UnsupportedMediaType
from protocol.problems import FieldError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FIELD_BYTES: Final = 64 * 1024
"""Of all fields that are not files."""
FIELDS: Final = 64
LINGER_BYTES: Final = 64 << 20
LINGER_S: Final = 3.0


class Form:
    """A form with at most one file. `fields` holds the small fields that were read so far.

    `name = await form.open("file")` reads to the beginning of the file and returns its name; `form.chunks()` gives its
    bytes and reads the form to its end. Other files are refused.
    """

    def __init__(self, request: Request) -> None:
        content_type, options = parse_options_header(request.headers.get("content-type", ""))
        if content_type != b"multipart/form-data" or not options.get(b"boundary"):
            raise UnsupportedMediaType(accepts=["multipart/form-data"])
        self.fields: dict[str, str] = {}
        self._request = request
        self._body = request.stream()
        self._parts = _Parts()
        try:
            self._parser = MultipartParser(options[b"boundary"], self._parts.callbacks)
        except FormParserError as error:
            raise InvalidRequest("The boundary of the form is not valid") from error

    async def open(self, field: str) -> str:
        """Read to the file's first byte and return its name. InvalidRequest: there is no such file."""
        while self._parts.file is None:
            if not await self._more():
                raise InvalidRequest(errors=(FieldError(pointer=f"/{field}", code="missing"),))
        self.fields = self._parts.fields
        found, name = self._parts.file
        if found != field:
            raise InvalidRequest(errors=(FieldError(pointer=f"/{found}", code="unknown_field"),))
        return name

    async def chunks(self) -> AsyncIterator[bytes]:
        """The file. TruncatedUpload: the body ended before the form did."""
        more = True
        while more:
            while self._parts.data:
                yield self._parts.data.popleft()
            more = await self._more()
        while self._parts.data:
            yield self._parts.data.popleft()

    async def linger(self) -> None:
        """Let a refused sender finish, within bounds: a connection that closes on one who still sends often takes the
        answer with it."""
        left = LINGER_BYTES
        with suppress(TimeoutError, ClientDisconnect, RuntimeError):
            async with asyncio.timeout(LINGER_S):
                async for chunk in self._body:
                    left -= len(chunk)
                    if left < 0:
                        return

    async def _more(self) -> bool:
        """Read on; False at the end of the form."""
        if self._parts.ended:
            return False
        try:
            chunk = await anext(self._body, b"")
            if chunk:
                self._parser.write(chunk)
        except ClientDisconnect as error:
            raise TruncatedUpload from error
        except FormParserError as error:
            raise InvalidRequest("The body is not a form") from error
        if not chunk:
            raise TruncatedUpload
        return True


class _Parts:
    """What the parser calls, turned into values."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.file: tuple[str, str] | None = None
        self.data: deque[bytes] = deque()
        self.ended = False
        self._header = bytearray()
        self._value = bytearray()
        self._disposition = b""
        self._field = ""
        self._in_file = False
        self._content = bytearray()
        self._left = FIELD_BYTES

    @property
    def callbacks(self) -> "MultipartCallbacks":
        """For the parser."""
        return {
            "on_part_begin": self._part_begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }

    def _part_begin(self) -> None:
        self._disposition, self._content = b"", bytearray()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        _kind, options = parse_options_header(self._disposition)
        self._field = options.get(b"name", b"").decode(errors="replace")
        self._in_file = b"filename" in options
        if not self._in_file:
            return
        if self.file is not None:
            raise InvalidRequest("The form has more than one file", errors=(_at(self._field, "too_many_files"),))
        self.file = (self._field, options[b"filename"].decode(errors="replace"))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self.data.append(data[start:end])
            return
        self._left -= end - start
        if self._left < 0:
            raise InvalidRequest("The fields of the form are too long", errors=(_at(self._field, "too_long"),))
        self._content += data[start:end]

    def _part_end(self) -> None:
        if self._in_file:
            return
        if len(self.fields) >= FIELDS:
            raise InvalidRequest("The form has too many fields", errors=(_at(self._field, "too_many_fields"),))
        self.fields[self._field] = self._content.decode(errors="replace")

    def _end(self) -> None:
        self.ended = True


def _at(field: str, code: str) -> FieldError:
    return FieldError(pointer=f"/{field}", code=code)
