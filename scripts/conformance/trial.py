"""A node on trial: ways to give it work, to call it, to start it, and to wait for what it does."""

import json
import os
import subprocess
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import httpx
from pydantic import ValidationError

from protocol import signing
from protocol.base import ModelName, NodeId
from protocol.interfaces import Identity
from protocol.problems import Problem
from protocol.states import Lane
from protocol.work import Accepted
from scripts.conformance.coordinator import Coordinator, Member
from scripts.conformance.job import Clips, Job, Report

IDENTITY_BYTES = 1024


class Broken(Exception):
    """The node breaks the rule; the words say how."""


class Skipped(Exception):
    """The rule cannot be tried here; the words say why."""


@dataclass(frozen=True)
class Bounds:
    """Seconds. `soon_s` for what must happen but has no time of its own; a stop is bounded by the protocol."""

    soon_s: float = 30.0
    call_s: float = 5.0
    stop_s: float = 3.0
    slack_s: float = 1.0
    quiet_s: float = 2.5
    held_s: float = 5.0


class Program:
    """The node's command, started, killed and ended by the kit, in a session of its own."""

    def __init__(self, words: Sequence[str], environment: dict[str, str]) -> None:
        self._words, self._environment = list(words), {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin."""
        self._process = subprocess.Popen(self._words, env=self._environment, stdin=subprocess.DEVNULL)

    def kill(self) -> None:
        """As power fails."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)

    def end(self, seconds: float) -> int | None:
        """SIGTERM; the exit code, None when it went on for longer than that."""
        if self._process is None:
            return None
        self._process.terminate()
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None


@dataclass
class Trial:
    """What every rule gets. `address` is None for a node that asks for its work."""

    kit: Coordinator
    address: str | None
    bounds: Bounds
    clips: Clips
    model: ModelName | None = None
    program: Program | None = None

    @property
    def member(self) -> Member:
        """The node as it registered."""
        found = self.kit.member
        if found is None:
            raise Broken("it did not register")
        return found

    def needs_push(self) -> str:
        """The address, for rules about calls to the node."""
        if self.address is None:
            raise Skipped("the node listens on no address (pull lane)")
        return self.address

    def needs_program(self) -> Program:
        """The command, for rules about the node's process."""
        if self.program is None:
            raise Skipped("needs --command, so that the kit can start and end the node")
        return self.program

    def hope(self, what: Callable[[], object], seconds: float, otherwise: str) -> None:
        """Broken with `otherwise` when it does not become true."""
        if not self.kit.until(what, seconds):
            raise Broken(otherwise)

    def never(self, what: Callable[[], object], seconds: float, otherwise: str) -> None:
        """Broken with `otherwise` when it does become true."""
        if self.kit.until(what, seconds):
            raise Broken(otherwise)

    def job(self, *, held: bool = False) -> Job:
        """A new attempt, not offered yet."""
        models = self.member.register.models
        if not models:
            raise Broken("it registered without a model")
        job = self.clips.job(self.model or models[0].name, self.kit.lease_s, held=held)
        self.kit.jobs[job.id] = job
        return job

    def begin(self, job: Job) -> Job:
        """Offer it, in the lane that the node is in, and wait for its first callback."""
        if self.address is not None:
            self.accepted(self.post(job), job)
        else:
            self.kit.offers.append(job)
            self.hope(lambda: job.taken, self.bounds.soon_s, "it did not ask for work")
        self.hope(lambda: job.reports, self.bounds.call_s, f"no callback {self.bounds.call_s:g} s after the offer")
        return job

    def finish(self, job: Job, kind: str = "completed") -> Report:
        """Let go of it and wait for its acknowledged end, which must be of this kind."""
        job.held = False
        self.hope(lambda: job.end, self.bounds.soon_s, f"no acknowledged end within {self.bounds.soon_s:g} s")
        assert job.end is not None
        said = job.end.callback
        if said.kind != kind:
            why = f" ({said.error.code}: {said.error.detail})" if said.error else ""
            raise Broken(f"the attempt ended {said.kind}{why}, not {kind}")
        return job.end

    def completes(self) -> Job:
        """An ordinary attempt, from its offer to its end."""
        job = self.begin(self.job())
        self.finish(job)
        return job

    def post(self, job: Job) -> httpx.Response:
        """Offer it by a call."""
        return self.call("POST", "/process", job.assignment.model_dump_json().encode())

    def accepted(self, answer: httpx.Response, job: Job) -> None:
        """Broken unless the answer is the right 202."""
        if answer.status_code != 202:
            raise Broken(f"POST /process answered {answer.status_code} {_code(answer)}, not 202")
        try:
            said = Accepted.model_validate_json(answer.content)
        except ValidationError as error:
            raise Broken("the 202 is not {attempt_id, boot_id}") from error
        if (said.attempt_id, said.boot_id) != (job.id, self.member.register.boot_id):
            raise Broken("the 202 names another attempt_id or boot_id")

    def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        signed_path: str | None = None,
        ago_s: float = 0.0,
        secret: str | None = None,
        direction: signing.Direction = "to-node",
    ) -> httpx.Response:
        """One signed call; Broken when nobody answers."""
        headers = signing.sign(
            secret or self.member.fresh or self.member.secret,
            direction,
            message_id=f"msg_{uuid.uuid4().hex}",
            now=self.kit.now() - ago_s,
            method=method,
            path=signed_path or path,
            body=body,
        )
        return self.bare(method, path, body, {**headers, signing.INTERFACE_HEADER: self.member.interface_id})

    def bare(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """One call as it is."""
        url, wait = f"{self.needs_push()}{path}", self.bounds.call_s + self.bounds.slack_s
        try:
            return httpx.request(
                method, url, content=body, headers={"content-type": "application/json", **headers}, timeout=wait
            )
        except httpx.HTTPError as error:
            raise Broken(f"{method} {path.partition('?')[0]}: {type(error).__name__} {error}") from error

    def identity(self) -> None:
        """Broken unless the node proves who it is."""
        nonce = uuid.uuid4().hex
        answer = self.bare("GET", f"/identity?nonce={nonce}", b"", {})
        if answer.status_code != 200 or len(answer.content) > IDENTITY_BYTES:
            raise Broken(f"GET /identity answered {answer.status_code} with {len(answer.content)} bytes")
        try:
            said = Identity.model_validate_json(answer.content)
        except ValidationError as error:
            raise Broken("GET /identity answered no {node_id, boot_id, proof}") from error
        expected: tuple[NodeId, str] = (self.member.register.node_id, self.member.register.boot_id)
        if (said.node_id, said.boot_id) != expected:
            raise Broken("GET /identity names another node_id or boot_id than register")
        secrets = filter(None, (self.member.fresh, self.member.secret))
        if said.proof not in {signing.identity_proof(secret, nonce) for secret in secrets}:
            raise Broken("the proof of GET /identity is wrong")

    def enter(self) -> None:
        """A node with an address is called from now on, as soon as it heard so."""
        if self.address is not None:
            self.kit.lane = Lane.PUSH
        before = len(self.kit.heartbeats)
        self.kit.until(lambda: len(self.kit.heartbeats) > before, self.bounds.call_s)

    def settle(self) -> None:
        """After a rule: nothing goes wrong any more, nothing is wanted any more, the node is idle again."""
        kit = self.kit
        kit.calm()
        live = [job for job in kit.jobs.values() if job.end is None]
        for job in live:
            job.gone, job.held = True, False
        self.kit.lane = Lane.PULL if self.address is None else Lane.PUSH
        before = len(kit.heartbeats)
        kit.until(lambda: any(not one.message.attempts for one in kit.heartbeats[before:]), 2 * kit.usual_heartbeat_s)


def _code(answer: httpx.Response) -> str:
    try:
        return Problem.model_validate_json(answer.content).code
    except ValidationError:
        return json.dumps(answer.text[:80])
