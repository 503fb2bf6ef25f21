"""Somebody who speaks tus by hand."""

import base64
from collections.abc import Mapping
from typing import Any

import httpx

TUS = {"Tus-Resumable": "1.0.0"}
PIECE_TYPE = "application/offset+octet-stream"

Headers = Mapping[str, str] | None


def metadata(**values: str) -> str:
    """`Upload-Metadata`."""
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items())


class Sender:
    """One account's tus requests; `path` of an upload is its `Location`."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self._root = str(client.base_url).removesuffix("/api/v1/")

    def ask(self, method: str, path: str, headers: Headers = None, **more: Any) -> httpx.Response:
        """Any request, with the version that is spoken."""
        return self.client.request(method, f"{self._root}{path}", headers={**TUS, **(headers or {})}, **more)

    def create(
        self, size: int, body: bytes = b"", *, said: Mapping[str, str] | None = None, headers: Headers = None
    ) -> httpx.Response:
        """Announce a file; with `body` also its first bytes."""
        wanted = {"Upload-Length": str(size), **(headers or {})}
        if said:
            wanted["Upload-Metadata"] = metadata(**said)
        if body:
            wanted["Content-Type"] = PIECE_TYPE
        return self.ask("POST", "/api/v1/uploads", wanted, content=body)

    def begin(self, size: int, **said: str) -> str:
        """Announce a file; where its pieces go."""
        answer = self.create(size, said=said)
        assert answer.status_code == 201, answer.text
        return answer.headers["location"]

    def patch(self, path: str, offset: int, content: bytes, headers: Headers = None) -> httpx.Response:
        """Send a piece."""
        wanted = {"Upload-Offset": str(offset), "Content-Type": PIECE_TYPE, **(headers or {})}
        return self.ask("PATCH", path, wanted, content=content)

    def head(self, path: str) -> httpx.Response:
        """Ask how far it is."""
        return self.ask("HEAD", path)

    def offset(self, path: str) -> int:
        """How far it is."""
        return int(self.head(path).headers["upload-offset"])
