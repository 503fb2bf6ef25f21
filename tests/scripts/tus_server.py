"""A tus server made of answers, which loses what it is told to lose."""

import base64
from typing import Any, NamedTuple

import httpx
import respx

URL = "http://127.0.0.1:6001"
API = f"{URL}/api/v1"


class Call(NamedTuple):
    """One PATCH."""

    offset: int
    length: int


class TusServer:
    """One upload, `u1`, that becomes a video."""

    def __init__(self, api: respx.Router) -> None:
        self.received = b""
        self.announced: dict[str, Any] = {}
        self.pieces: list[Call] = []
        self._losses: dict[int, tuple[int, Exception | int]] = {}
        api.post("/uploads").mock(side_effect=self._create)
        api.patch("/uploads/u1").mock(side_effect=self._patch)
        api.get("/videos/u1").respond(json={"id": "u1"})

    def lose(self, at: int, taken: int, how: Exception | int, times: int = 1) -> None:
        """The PATCH number `at` breaks off: `taken` bytes of it stay, and its sender sees `how`."""
        self._losses.update(dict.fromkeys(range(at, at + times), (taken, how)))

    def _create(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["tus-resumable"] == "1.0.0"
        pairs = (pair.split(" ") for pair in request.headers["upload-metadata"].split(","))
        said = {name: base64.b64decode(value).decode() for name, value in pairs}
        self.announced = {"size": int(request.headers["upload-length"]), **said}
        return httpx.Response(201, headers={"Location": "/api/v1/uploads/u1"})

    def _patch(self, request: httpx.Request) -> httpx.Response:
        body, offset = request.read(), int(request.headers["upload-offset"])
        assert len(body) == int(request.headers["content-length"])
        assert "transfer-encoding" not in request.headers
        taken, how = self._losses.get(len(self.pieces), (len(body), 0))
        self.pieces.append(Call(offset, len(body)))
        if offset != len(self.received):
            there = {"title": "Elsewhere", "code": "wrong_offset", "params": {"received": len(self.received)}}
            return httpx.Response(409, json=there)
        self.received += body[:taken]
        if isinstance(how, Exception):
            raise how
        if how:
            return httpx.Response(how, json={"title": "It was refused by the test", "code": "anything"})
        headers = {"Upload-Offset": str(len(self.received))}
        if len(self.received) == self.announced["size"]:
            headers["Content-Location"] = "/api/v1/videos/u1"
        return httpx.Response(204, headers=headers)
