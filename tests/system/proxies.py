"""A proxy in front of a node that lets some requests through and never answers the others."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import httpx

HOP_BY_HOP = frozenset({"connection", "host", "keep-alive", "transfer-encoding", "content-length"})


class DeafProxy:
    """Passes everything on to `port` but the methods in `blocked`, which it swallows. Use with `with`."""

    def __init__(self, port: int, blocked: frozenset[str]) -> None:
        self.swallowed: list[str] = []
        self._port = port
        self._blocked = blocked
        self._closed = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65_536)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                if self.command in proxy._blocked:
                    proxy.swallowed.append(self.path)
                    proxy._closed.wait()
                    self.close_connection = True
                    return
                proxy._pass_on(self, body)

        return Handler

    def _pass_on(self, asked: BaseHTTPRequestHandler, body: bytes) -> None:
        headers = {name: value for name, value in asked.headers.items() if name.lower() not in HOP_BY_HOP}
        try:
            answer = httpx.request(
                asked.command, f"http://127.0.0.1:{self._port}{asked.path}", content=body, headers=headers, timeout=30
            )
        except httpx.TransportError:
            asked.close_connection = True
            return
        asked.send_response_only(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in HOP_BY_HOP | {"content-encoding"}:
                asked.send_header(name, value)
        asked.send_header("content-length", str(len(answer.content)))
        asked.end_headers()
        asked.wfile.write(answer.content)
