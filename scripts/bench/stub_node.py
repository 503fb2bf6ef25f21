"""A node that does no work: it joins in the push lane, notes when offers arrive, and reports as it is told."""

import asyncio
import hashlib
import json
import time
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from protocol.signing import INTERFACE_HEADER, identity_proof, sign

CALLBACKS = 10
PAUSE_S = 0.05


@dataclass(slots=True)
class StubNode:
    """`arrived` holds perf_counter by task id; with an `artifact` an attempt completes, without one it fails."""

    coordinator: str
    address: str
    cluster_string: str
    slots: int
    relay: str = ""
    artifact: bytes | None = None
    arrived: dict[str, float] = field(default_factory=dict)
    relayed: list[float] = field(default_factory=list)
    node_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    boot_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    interface_id: str = ""
    secret: str = ""
    session: aiohttp.ClientSession | None = None
    jobs: set[asyncio.Task[None]] = field(default_factory=set)

    def app(self) -> Starlette:
        """What the coordinator calls."""
        return Starlette(
            routes=[
                Route("/identity", self._identity),
                Route("/process", self._process, methods=["POST"]),
                Route("/process/{attempt_id}", lambda _request: Response(status_code=204), methods=["DELETE"]),
                Route("/relayed", self._relayed, methods=["POST"]),
            ]
        )

    async def join(self) -> None:
        """Register; the coordinator then asks for the proof by itself."""
        body = {
            "node_id": self.node_id,
            "boot_id": self.boot_id,
            "name": "stub",
            "address": self.address,
            "software_version": "bench",
            "protocol_version": 1,
            "slots": self.slots,
            "models": [{"name": "selfie", "provider": "none", "warm": True}],
        }
        self.session = aiohttp.ClientSession()
        headers = {"Authorization": f"Bearer {self.cluster_string}"}
        url = f"{self.coordinator}/api/v1/interfaces/register"
        async with self.session.post(url, json=body, headers=headers) as answer:
            reply = await answer.json()
        self.interface_id, self.secret = reply["interface_id"], reply["secret"]

    async def close(self) -> None:
        """Let go of the connections."""
        await asyncio.gather(*self.jobs)
        if self.session is not None:
            await self.session.close()

    async def _identity(self, request: Request) -> Response:
        proof = identity_proof(self.secret, request.query_params["nonce"])
        return JSONResponse({"node_id": self.node_id, "boot_id": self.boot_id, "proof": proof})

    async def _relayed(self, request: Request) -> Response:
        self.relayed.append(time.perf_counter())
        await request.body()
        self._spawn(self._answer_relay())
        return JSONResponse({}, 202)

    async def _answer_relay(self) -> None:
        """As many callbacks as a job of the coordinator makes, as far apart, unsigned."""
        assert self.session is not None
        for seq in range(CALLBACKS + 1):
            await asyncio.sleep(PAUSE_S)
            body = {"attempt_id": "a", "boot_id": self.boot_id, "seq": seq, "kind": "progress", "frames_done": seq}
            async with self.session.post(f"{self.relay}/callbacks", json=body) as answer:
                await answer.read()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        job = asyncio.create_task(work)
        self.jobs.add(job)
        job.add_done_callback(self.jobs.discard)

    async def _process(self, request: Request) -> Response:
        now = time.perf_counter()
        offer = json.loads(await request.body())
        self.arrived[offer["task_id"]] = now
        self._spawn(self._work(offer))
        return JSONResponse({"attempt_id": offer["attempt_id"], "boot_id": self.boot_id}, 202)

    async def _work(self, offer: dict[str, Any]) -> None:
        frames = (offer.get("range") or {}).get("frames", 1)
        for seq in range(CALLBACKS):
            await asyncio.sleep(PAUSE_S)
            await self._report(offer, seq, "progress", frames_done=frames * seq // CALLBACKS, done=seq)
        if self.artifact is None:
            error = {"code": "bench", "error_class": "input"}
            await self._report(offer, CALLBACKS, "failed", error=error)
            return
        artifact = await self._upload(offer, self.artifact)
        artifact["frames"] = frames
        await self._report(offer, CALLBACKS, "completed", frames_done=frames, artifacts=[artifact])

    async def _upload(self, offer: dict[str, Any], data: bytes) -> dict[str, Any]:
        headers = {
            "Authorization": f"Bearer {offer['attempt_token']}",
            "Content-Range": f"bytes 0-{len(data) - 1}/{len(data)}",
        }
        await self._call("PUT", offer["upload_urls"]["composite"], data, headers)
        return {"output": "composite", "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}

    async def _report(self, offer: dict[str, Any], seq: int, kind: str, **words: Any) -> None:
        known = {"attempt_id": offer["attempt_id"], "boot_id": self.boot_id, "seq": seq, "kind": kind}
        body, path = json.dumps(known | words).encode(), offer["callback_url"]
        signed = sign(
            self.secret,
            "to-coordinator",
            message_id=uuid.uuid4().hex,
            now=time.time(),
            method="POST",
            path=path,
            body=body,
        )
        await self._call("POST", path, body, {**signed, INTERFACE_HEADER: self.interface_id})

    async def _call(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
        assert self.session is not None
        async with self.session.request(method, self.coordinator + path, data=body, headers=headers) as answer:
            text = await answer.text()  # an answer that nobody reads costs its connection
            if answer.status != 200:
                raise RuntimeError(f"{method} {path}: {answer.status} {text}")


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table(rows: list[tuple[str, ...]], say: Callable[[str], None] = print) -> None:
    """Print rows under one another, the first as the heading."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))
