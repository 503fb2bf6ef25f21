"""How the node that somebody else wrote speaks to its coordinator."""

import json
import time
import uuid
from typing import Any

import aiohttp

from protocol import signing


class Away(Exception):
    """No answer of the coordinator's own."""


class No(Exception):
    """A refusal."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


class Voice:
    """Signs what it says, by the coordinator's clock. `breach` as in `third_party_node`."""

    def __init__(self, url: str, breach: str) -> None:
        self.url, self.breach = url, breach
        self.kept: dict[str, str] = {"node_id": str(uuid.uuid4()), "interface_id": "", "secret": ""}
        self.ahead = 0.0
        self.http: aiohttp.ClientSession

    async def post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
        """Signed, when there is a secret; again when the clock was wrong."""
        data, sent = json.dumps(body).encode(), dict(headers or {})
        status, reply = 0, dict[str, Any]()
        for _ in range(2):
            if self.kept["secret"] and not (self.breach == "unsigned" and path.endswith("heartbeat")):
                now = time.monotonic() + self.ahead
                message = uuid.uuid4().hex
                sent |= signing.sign(
                    self.kept["secret"],
                    "to-coordinator",
                    message_id=message,
                    now=now,
                    method="POST",
                    path=path,
                    body=data,
                )
                sent[signing.INTERFACE_HEADER] = self.kept["interface_id"]
            status, reply = await self.send("POST", path, data, sent)
            if status != 401 or reply.get("code") != "clock_skew" or self.breach == "own_clock":
                break
            self.ahead = reply["params"]["server_time"] - time.monotonic()
        if status >= 400:
            raise No(status)
        return reply

    async def send(self, method: str, path: str, data: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """One request; Away without an answer of the coordinator's own."""
        try:
            async with self.http.request(method, self.url + path, data=data, headers=headers) as answer:
                text = await answer.text()
                if answer.status >= 500 or not text.startswith("{"):
                    if self.breach == "believes_pages":
                        raise No(answer.status)
                    raise Away
                return answer.status, json.loads(text)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Away from error
