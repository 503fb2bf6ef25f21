"""A node as the protocol wants it, without pixels: joins, beats, asks for work, keeps its outcomes on its disk.

It may be killed, frozen and cut off like any party. What lies in `Home` survives; all else is forgotten at a kill.
"""

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coordinator.gateway.interface_client import Busy, Refused, Unreachable
from protocol.base import AttemptId, NodeId
from protocol.interfaces import CancelCommand, Heartbeat, HeartbeatReply, HeldAttempt, Leave, Next, NextReply
from protocol.reports import Callback
from protocol.states import Lane
from protocol.work import Accepted, Assignment
from scripts.faults.coordinator_line import CALL_S, NO_WORD, Gone, Home, Line, NotKnown, Unanswered
from scripts.faults.parties import Party
from scripts.faults.simulated_work import Job

if TYPE_CHECKING:
    from scripts.faults.world import World

POLL_S: Final = 5.0
FLUSH_S: Final = 3.0
IDLE_BEAT_S: Final = 4.0


@dataclass(frozen=True)
class Character:
    """What a node can, and how often it goes wrong: chances per attempt."""

    slots: int
    fps: float
    push: bool
    fails: float = 0.0
    lies: float = 0.0
    stalls: float = 0.0
    refuses: float = 0.0
    models: tuple[str, ...] = ("selfie",)


class Node(Party):
    """One simulated node."""

    def __init__(self, name: str, number: int, character: Character, world: "World", chance: random.Random) -> None:
        super().__init__(name, world.ledger.crashed)
        self.character = character
        self.chance = chance
        self.world = world
        address = f"http://127.0.0.1:{7000 + number}/" if character.push else None
        self.home = Home(NodeId(f"00000000-0000-4000-8000-{number:012d}"), address)
        self.boot_id = ""
        self._forget()

    def _forget(self) -> None:
        self.line = Line(self)
        self.jobs: dict[AttemptId, Job] = {}
        self._answers: dict[AttemptId, Busy | Refused | None] = dict.fromkeys(self.home.letters)
        self._seq = 0
        self.closed = False

    def start(self) -> None:
        """A new process on the old disk."""
        self.home.boots += 1
        self.boot_id = f"{self.name}-boot-{self.home.boots}"
        self._forget()
        self.up = True
        self.spawn(self._live())

    def kill(self) -> None:
        """SIGKILL."""
        super().kill()
        self.world.ledger.died(self.home.interface_id)

    async def _live(self) -> None:
        await self.line.join()
        for letter in tuple(self.home.letters.values()):
            self.spawn(self._deliver(letter))
        self.spawn(self._beats())
        self.spawn(self._polls())

    def identity(self, node_id: str | None, secret: str) -> bool:
        """GET /identity: whether it is this node and holds this secret."""
        return node_id in (None, self.home.node_id) and secret in self.home.secrets

    def process(
        self, interface_id: str, secret: str, assignment: Assignment
    ) -> Accepted | Busy | Refused | Unreachable:
        """POST /process. A repeat gets the first answer again."""
        if interface_id != self.home.interface_id or secret not in self.home.secrets:
            return Unreachable(True, "answered 401")
        key = assignment.attempt_id
        if key not in self._answers:
            self._answers[key] = self._judge(assignment)
            if self._answers[key] is None:
                self._begin(assignment)
        return self._answers[key] or Accepted(attempt_id=key, boot_id=self.boot_id)

    def delete(self, interface_id: str, secret: str, attempt_id: AttemptId) -> bool:
        """DELETE /process/{attempt_id}; whether it heard."""
        if interface_id != self.home.interface_id or secret not in self.home.secrets:
            return False
        self.stop(attempt_id, "cancel")
        return True

    def stop(self, attempt_id: AttemptId, why: str) -> None:
        """Stop an attempt; one that never came is refused should it still come."""
        job = self.jobs.get(attempt_id)
        if job is not None:
            job.stop(why)
        elif attempt_id not in self._answers:
            self._answers[attempt_id] = Refused("gone", "it was cancelled before it came")

    def _judge(self, assignment: Assignment) -> Busy | Refused | None:
        if self.chance.random() < self.character.refuses:
            return Refused("unsupported", "this node cannot do that")
        light = Job.is_light(assignment)
        taken = sum(job.light == light for job in self.jobs.values())
        return Busy() if self.closed or taken >= (1 if light else self.character.slots) else None

    def _begin(self, assignment: Assignment) -> None:
        job = Job(self, assignment)
        self.jobs[assignment.attempt_id] = job
        self.world.ledger.began(self.name, self.boot_id, assignment)
        self.spawn(job.run())
        self.world.bad_moment(self)

    def finished(self, job: Job, outcome: Callback | None) -> None:
        """A job ended: its outcome lies on the disk before its slot is free."""
        if outcome is not None:
            self.keep(outcome)
        self.jobs.pop(job.attempt_id, None)

    def keep(self, outcome: Callback) -> None:
        """Keep an outcome on the disk and deliver it."""
        self.home.letters[outcome.attempt_id] = outcome
        self.world.ledger.wrote(self.name, outcome)
        self.spawn(self._deliver(outcome))
        self.world.bad_moment(self)

    def drop_letter(self, key: AttemptId) -> None:
        """Nobody waits for this outcome any more: it was acknowledged, or is not wanted."""
        if self.home.letters.pop(key, None) is not None:
            self.world.ledger.acknowledged(key)

    async def terminate(self) -> None:
        """SIGTERM: nothing new, hand back what runs, flush the outbox, leave, end."""
        self.closed = True
        for job in tuple(self.jobs.values()):
            job.stop("release")
        until = self.world.machine.elapsed + FLUSH_S
        while (self.jobs or self.home.letters) and self.world.machine.elapsed < until:
            await self.pause(0.1)
        if self.line.joined.is_set():
            try:
                leave = Leave(interface_id=self.home.interface_id, boot_id=self.boot_id)
                await self.line.signed("/leave", leave, CALL_S)
            except NO_WORD:
                pass
        self.kill()

    def held(self) -> tuple[HeldAttempt, ...]:
        """All that it holds, also what only waits to be acknowledged."""
        mine = [HeldAttempt(attempt_id=key, frames_done=job.frames_done) for key, job in self.jobs.items()]
        letters = ((key, letter) for key, letter in self.home.letters.items() if key not in self.jobs)
        mine += [HeldAttempt(attempt_id=k, frames_done=one.frames_done, outcome_pending=True) for k, one in letters]
        return tuple(mine)

    async def _deliver(self, letter: Callback) -> None:
        key, wait = letter.attempt_id, 0.25
        while key in self.home.letters:
            try:
                if await self.line.report(letter) is None:
                    await self.pause(wait)
                    wait = min(self.line.lease_s / 3, 2 * wait)
                    continue
            except Gone:
                pass
            self.drop_letter(key)

    async def _beats(self) -> None:
        while True:
            await self.line.joined.wait()
            self._seq += 1
            message = Heartbeat(
                interface_id=self.home.interface_id,
                boot_id=self.boot_id,
                seq=self._seq,
                draining=self.closed,
                attempts=self.held(),
            )
            try:
                reply = HeartbeatReply.model_validate_json(await self.line.signed("/heartbeat", message, CALL_S))
            except NO_WORD:
                await self.pause(self.chance.uniform(0.5, 1.0) * self.line.lease_s / 3)
                continue
            self._obey(reply.commands)
            for attempt_id in sorted(reply.unknown_attempts):
                self.stop(attempt_id, "drop")
                self.drop_letter(attempt_id)
            self.line.heard(reply.server_time, reply.lane)
            self.line.admission, self.line.period_s = reply.admission, reply.next_heartbeat_s
            await self._until_next_beat()

    async def _until_next_beat(self) -> None:
        """With work at least every third of a lease; work may come any moment."""
        since = self.world.machine.elapsed
        while True:
            busy = bool(self.jobs or self.home.letters)
            period = min(self.line.period_s, self.line.lease_s / 3 if busy else IDLE_BEAT_S)
            left = since + period - self.world.machine.elapsed
            if left <= 0:
                return
            await self.pause(min(left, 1.0))

    def _obey(self, commands: tuple[CancelCommand, ...]) -> None:
        for attempt_id in sorted(command.attempt_id for command in commands):
            self.stop(attempt_id, "cancel")

    async def _polls(self) -> None:
        while True:
            await self.line.joined.wait()
            free = self.character.slots - sum(not job.light for job in self.jobs.values())
            if self.line.lane is not Lane.PULL or self.closed or free <= 0:
                await self.pause(0.5)
                continue
            try:
                answer = await self.line.signed("/next", self._next(free), POLL_S + CALL_S)
            except (Unanswered, NotKnown, Gone):
                await self.pause(self.chance.uniform(0.5, 2.0))
                continue
            reply = NextReply.model_validate_json(answer)
            self.line.heard(reply.server_time, reply.lane)
            self._obey(reply.commands)
            for assignment in reply.assignments:
                self._take(assignment)

    def _next(self, free: int) -> Next:
        self._seq += 1
        return Next(
            interface_id=self.home.interface_id,
            boot_id=self.boot_id,
            seq=self._seq,
            free_slots=free,
            wait_s=POLL_S,
            attempts=self.held(),
        )

    def _take(self, assignment: Assignment) -> None:
        """A full node keeps silent, because the offer comes again; one that cannot do it says so."""
        key = assignment.attempt_id
        if key in self._answers and self._answers[key] is None:
            return
        verdict = self._judge(assignment)
        if verdict is None:
            self._answers[key] = None
            self._begin(assignment)
        elif isinstance(verdict, Refused):
            self.keep(Job(self, assignment).cannot())
