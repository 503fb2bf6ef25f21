"""Bytes of a file as a coordinator sends them, and as servers do that are not what they should be."""

import hashlib
import re
import threading
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response


@dataclass
class Files:
    """What is served, and what goes wrong. `sent` has the first byte and the length of every answer."""

    sent: list[tuple[int, int]] = field(default_factory=list)
    cut: int = 0
    """So many answers end after half of what was asked for."""
    free: threading.Event = field(default_factory=threading.Event)
    """Answers wait while it is cleared."""
    ranges_ignored: bool = False
    etag: str | None = None
    """Another one than the file's."""

    def __post_init__(self) -> None:
        self.free.set()

    @property
    def bytes_sent(self) -> int:
        """In all answers."""
        return sum(length for _, length in self.sent)

    def answer(self, request: Request, data: bytes) -> Response:
        """The range that a request asks for; all of the file where it asks for another version of it."""
        etag = self.etag or f'"{hashlib.sha256(data).hexdigest()}"'
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        headers = {"etag": etag}
        start, end = 0, len(data)
        if found and request.headers.get("if-range", etag) == etag and not self.ranges_ignored:
            start, end = int(found[1]), min(int(found[2] or len(data)) + 1, len(data))
            headers["content-range"] = f"bytes {start}-{end - 1}/{len(data)}"
        body = data[start:end]
        if self.cut > 0:
            self.cut -= 1
            body = body[: len(body) // 2]
        self.sent.append((start, len(body)))
        return Response(body, 206 if "content-range" in headers else 200, headers)
