"""A node that somebody else wrote, which copies its source and breaks one rule of the protocol on order.

`python -m tests.fakes.third_party_node PORT HOME [BREACH]`; `BREACHES` in the tests of the conformance kit names them.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from protocol import signing
from tests.fakes.third_party_voice import Away, No, Voice

API = "/api/v1/interfaces"
REPORT_S = 0.5
PIECE = 1024 * 1024


class Job:
    """One attempt."""

    def __init__(self, offer: dict[str, Any]) -> None:
        self.offer = offer
        self.seq = 0
        self.pending = False
        self.stop: str | None = None
        self.stopped = asyncio.Event()
        self.speaking = asyncio.Lock()

    def end(self, how: str) -> None:
        self.stop = "gone" if how == "gone" else self.stop or how
        self.stopped.set()


class ThirdPartyNode(Voice):
    """One slot, push lane, one task an attempt."""

    def __init__(self, port: int, home: Path, breach: str) -> None:
        super().__init__(os.environ["COORDINATOR_URL"], breach)
        self.cluster = os.environ["INTERFACE_IDENTIFICATION"]
        self.port, self.home = port, home
        self.boot = "always-the-same" if breach == "same_boot" else uuid.uuid4().hex
        self.seq = 0
        self.drain_at: float | None = None
        self.jobs: dict[str, Job] = {}
        self.answers: dict[str, int] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    async def live(self) -> None:
        """Until SIGTERM."""
        done = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(sock_read=5)) as self.http:
            runner = await self._listen()
            await self._register()
            heart = asyncio.create_task(self._beat())
            await done.wait()
            heart.cancel()
            if self.breach != "no_leave":
                await self.post(f"{API}/leave", {"interface_id": self.kept["interface_id"], "boot_id": self.boot})
            await runner.cleanup()

    async def _listen(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/identity", self._identity)
        app.router.add_post("/process", self._process)
        app.router.add_delete("/process/{id}", self._cancel)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port, reuse_address=True).start()
        return runner

    async def _register(self) -> None:
        file = self.home / "kept.json"
        if file.exists():
            self.kept = json.loads(file.read_text())
        body = {
            "node_id": self.kept["node_id"],
            "boot_id": self.boot,
            "name": "third party",
            "address": f"http://127.0.0.1:{self.port}",
            "software_version": "1",
            "protocol_version": 1,
            "slots": 1,
            "models": [{"name": "copy", "provider": "none"}],
        }
        if not self.kept["secret"]:
            self.ahead = time.time() - time.monotonic()
        reply = await self.post(f"{API}/register", body, {"authorization": f"Bearer {self.cluster}"})
        self.kept |= {"interface_id": reply["interface_id"], "secret": reply["secret"]}
        self.ahead = reply["server_time"] - time.monotonic()
        file.write_text(json.dumps(self.kept))

    async def _beat(self) -> None:
        while True:
            held = [
                {"attempt_id": key, "outcome_pending": job.pending}
                for key, job in self.jobs.items()
                if self.breach != "names_nothing"
            ]
            self.seq += self.breach != "seq_stands"
            body = {"interface_id": self.kept["interface_id"], "boot_id": self.boot, "seq": self.seq, "attempts": held}
            wait = 0.3
            with contextlib.suppress(Away, No):
                reply = await self.post(f"{API}/heartbeat", body)
                wait = min(reply["next_heartbeat_s"], 0.5)
                self._obey(reply)
            await asyncio.sleep(wait)

    def _obey(self, reply: dict[str, Any]) -> None:
        for command in reply["commands"]:
            self._end(command["attempt_id"], "cancelled")
        for attempt_id in reply["unknown_attempts"]:
            self._end(attempt_id, "gone")
        if reply["drain"] is None or self.breach == "ignores_drain":
            self.drain_at = None
        elif self.drain_at is None:
            self.drain_at = time.monotonic() + reply["drain"]["deadline_s"]
        if self.drain_at is not None and time.monotonic() >= self.drain_at:
            for job in self.jobs.values():
                job.end("released")

    def _end(self, attempt_id: str, how: str) -> None:
        if attempt_id in self.jobs and self.breach != f"deaf_to_{how}":
            self.jobs[attempt_id].end(how)

    async def _identity(self, request: web.Request) -> web.Response:
        proof = signing.identity_proof(self.kept["secret"], request.query["nonce"])
        proof = "0" * 64 if self.breach == "wrong_proof" else proof
        return web.json_response({"node_id": self.kept["node_id"], "boot_id": self.boot, "proof": proof})

    async def _signed(self, request: web.Request) -> bytes:
        body, headers = await request.read(), {key.lower(): value for key, value in request.headers.items()}
        now = time.monotonic() + self.ahead
        now = float(headers.get("webhook-timestamp", now)) if self.breach == "any_age" else now
        verdict = signing.verify(
            self.kept["secret"], "to-node", headers, now=now, method=request.method, path=request.raw_path, body=body
        )
        if verdict != "ok" and self.breach != "takes_unsigned":
            raise web.HTTPUnauthorized
        return body

    async def _process(self, request: web.Request) -> web.Response:
        offer = json.loads(await self._signed(request))
        key = offer["attempt_id"]
        if key not in self.answers or self.breach == "runs_twice":
            full = (len(self.jobs) > 0 and self.breach != "never_busy") or self.drain_at is not None
            self.answers[key] = 409 if full else 202
            if not full:
                task = asyncio.create_task(self._attempt(Job(offer)))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)
        return web.json_response({"attempt_id": key, "boot_id": self.boot}, status=self.answers[key])

    async def _cancel(self, request: web.Request) -> web.Response:
        await self._signed(request)
        self._end(request.match_info["id"], "cancelled")
        if self.breach != "forgets_cancels":
            self.answers.setdefault(request.match_info["id"], 410)
        return web.Response(status=204)

    async def _attempt(self, job: Job) -> None:
        key = job.offer["attempt_id"]
        self.jobs[key] = job
        reports = asyncio.create_task(self._reports(job))
        work, stop = asyncio.create_task(self._work(job)), asyncio.create_task(job.stopped.wait())
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        try:
            outcome = work.result() if work.done() and job.stop is None else {"kind": job.stop}
        except (Away, No, KeyError):
            outcome = {"kind": "failed", "error": {"code": "broke", "error_class": "node"}}
        work.cancel()
        stop.cancel()
        reports.cancel()
        await asyncio.gather(reports, return_exceptions=True)
        job.pending = True
        await self._tell_the_end(job, outcome)
        self.jobs.pop(key, None)

    async def _tell_the_end(self, job: Job, outcome: dict[str, Any]) -> None:
        while job.stop != "gone":
            with contextlib.suppress(Away):
                await self._report(job, outcome)
                if self.breach != "says_the_end_twice":
                    return
                outcome = {**outcome, "message": "again"}
                self.breach = ""
            if self.breach == "says_the_end_once":
                return
            await asyncio.sleep(0.3)

    async def _reports(self, job: Job) -> None:
        while True:
            with contextlib.suppress(Away):
                await self._report(job, {"kind": "progress"})
            await asyncio.sleep(30.0 if self.breach == "silent" else REPORT_S)

    async def _report(self, job: Job, words: dict[str, Any]) -> None:
        async with job.speaking:
            job.seq += self.breach != "numbers_stand"
            known = {"attempt_id": job.offer["attempt_id"], "boot_id": self.boot, "seq": job.seq}
            known |= {"message": str(time.monotonic())} if self.breach == "numbers_stand" else {}
            known |= {"fps": "quick"} if self.breach == "not_valid" else {}
            try:
                reply = await self.post(job.offer["callback_url"], known | words)
            except No as error:
                if self.breach == "believes_pages" and error.status != 410:
                    job.end("cancelled")
                elif self.breach != "deaf_to_gone":
                    job.end("gone")
                return
            if reply["command"] == "cancel" and self.breach != "deaf_to_cancelled":
                job.end("cancelled")

    async def _work(self, job: Job) -> dict[str, Any]:
        offer = job.offer
        token = {"authorization": f"Bearer {offer['attempt_token']}"}
        data = await self._fetched(offer["source"], token)
        frames = offer["range"]["frames"] + (self.breach == "drops_a_frame")
        made = {"output": "composite", "sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "frames": frames}
        done = {"kind": "completed", "artifacts": [made]}
        if self.breach == "completed_first":
            await self._report(job, done)
        await self._uploaded(offer["upload_urls"]["composite"], token, data)
        return done

    async def _fetched(self, source: dict[str, Any], token: dict[str, str]) -> bytes:
        while True:
            try:
                async with self.http.get(self.url + source["url"], headers=token) as answer:
                    data = await answer.read()
                    if answer.status == 200 and hashlib.sha256(data).hexdigest() == source["sha256"]:
                        return data
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.2)

    async def _uploaded(self, path: str, token: dict[str, str], data: bytes) -> None:
        done = 0
        while done < len(data):
            piece = data[done : done + PIECE]
            place = {"content-range": f"bytes {done}-{done + len(piece) - 1}/{len(data)}"}
            try:
                status, reply = await self.send("PUT", path, piece, token | place)
            except Away:
                await asyncio.sleep(0.2)
                continue
            if self.breach == "begins_again" and status == 409:
                raise No(status)
            done = reply["received"] if status == 200 else reply["params"]["received"]


if __name__ == "__main__":
    home = Path(sys.argv[2])
    home.mkdir(parents=True, exist_ok=True)
    asyncio.run(ThirdPartyNode(int(sys.argv[1]), home, "".join(sys.argv[3:])).live())
