"""What a node does with one attempt: fetch, make frames at its speed, send them up, say how it ended."""

import asyncio
import contextlib
import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

from protocol.reports import Artifact, Callback, CallbackKind, NodeError, Stage
from protocol.states import ErrorClass, StepKind
from protocol.work import Assignment
from scripts.faults.coordinator_line import Gone

if TYPE_CHECKING:
    from scripts.faults.simulated_node import Node

REPORT_S: Final = 1.0
SLICE_S: Final = 0.5
EXTRADATA: Final = "e" * 64


class Bytes(NamedTuple):
    """A file that was sent up: what a probe would find in it, and which attempts made its frames."""

    sha256: str
    size: int
    frames: int
    first_pts: int
    last_pts: int
    made_by: tuple[str, ...]


class Job:
    """One attempt on one node."""

    def __init__(self, node: "Node", assignment: Assignment) -> None:
        self._node = node
        self.assignment = assignment
        self.attempt_id = assignment.attempt_id
        self.light = self.is_light(assignment)
        self.frames_done = 0
        self._seq = 0
        self._stage: Stage = "fetch"
        self._done = 0
        self._stopped: str | None = None
        self._stopping = asyncio.Event()

    @staticmethod
    def is_light(assignment: Assignment) -> bool:
        """Whether it needs no slot of the card."""
        return assignment.kind is StepKind.ASSEMBLE

    def stop(self, why: str) -> None:
        """cancel: and say so; release: hand it back; drop: without a word. The first reason counts."""
        if self._stopped is None:
            self._stopped = why
            self._stopping.set()

    async def run(self) -> None:
        """Until it ended."""
        report = self._node.begin(self._report())
        try:
            outcome = await self._work()
        finally:
            report.cancel()
        self._node.finished(self, outcome)

    async def _work(self) -> Callback | None:
        chance, character = self._node.chance, self._node.character
        await self._pass(chance.uniform(0.05, 0.6))
        self._stage, self._done = "process", 0
        fate = chance.random()
        broken = fate < character.fails
        stalls = character.fails <= fate < character.fails + character.stalls
        total = self._total()
        stop_at = int(total * chance.random()) if broken or stalls else total
        step = max(1, int(character.fps * SLICE_S)) * (8 if self.light else 1)
        while self.frames_done < stop_at and self._stopped is None:
            await self._pass(SLICE_S)
            if self._stopped is None:
                self.frames_done = self._done = min(stop_at, self.frames_done + step)
        if self.assignment.task_id in self._node.world.poisoned and self._stopped is None:
            self._node.world.fatal(self._node)
            await asyncio.sleep(0)  # where the kill is noticed
        if stalls:
            await self._pass(10_000.0)
        if self._stopped is not None:
            return self._told(self._stopped)
        if broken:
            kind = chance.choice([ErrorClass.NODE, ErrorClass.RESOURCES, ErrorClass.INTERNAL, ErrorClass.INPUT])
            return self._said("failed", error=NodeError(code="broken", detail="It broke", error_class=kind))
        return await self._sent(wrong=chance.random() < character.lies)

    async def _sent(self, wrong: bool) -> Callback | None:
        self._stage, self._done = "upload", 0
        made = []
        for output in self.assignment.outputs:
            found = self._made(str(output), wrong)
            if not await self._upload(str(output), found):
                return self._told(self._stopped or "drop")
            made.append(Artifact(output=output, sha256=found.sha256, size=found.size, frames=found.frames))
        return self._said("completed", artifacts=tuple(made))

    async def _upload(self, output: str, found: Bytes) -> bool:
        """Until the bytes are there; False when nobody wants them."""
        path = f"/api/v1/interfaces/artifacts/{self.attempt_id}/{output}"
        self._node.world.shelf[self.attempt_id, output] = found
        while self._stopped is None:
            await self._pass(0.05)
            status = await self._node.line.send_up(path, self.assignment.attempt_token, found.size)
            if status == 200:
                return self._stopped is None
            if status is not None and 400 <= status < 500:
                self.stop("drop")
            await self._pass(0.5)
        return False

    def _made(self, output: str, wrong: bool) -> Bytes:
        plan, size = self.assignment.range, 400 + self._total()
        first = plan.first_pts if plan is not None and plan.first_pts is not None else 0
        last = plan.last_pts if plan is not None and plan.last_pts is not None else first
        frames = self._total()
        makers: tuple[str, ...] = (str(self.attempt_id),)
        parts = [part for part in self.assignment.parts if part.output == output]
        if self.light:
            shelf = self._node.world.shelf
            frames = sum(shelf[part.attempt_id, output].frames for part in parts)
            makers = tuple(str(part.attempt_id) for part in parts)
        sha256 = hashlib.sha256(f"{self.attempt_id} {output}".encode()).hexdigest()
        return Bytes(sha256, size, frames - wrong, first, last, makers)

    def _total(self) -> int:
        return self.assignment.range.frames if self.assignment.range is not None else 1

    async def _report(self) -> None:
        """A callback a second; its answer may stop the attempt."""
        while True:
            try:
                if await self._node.line.report(self._said("progress")) == "cancel":
                    self.stop("cancel")
            except Gone:
                self.stop("drop")
            await self._node.pause(REPORT_S)

    async def _pass(self, seconds: float) -> None:
        """Time passes, unless the attempt is stopped."""
        if self._stopped is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)
            await self._node.awake()

    def _told(self, why: str) -> Callback | None:
        kinds: dict[str, CallbackKind] = {"cancel": "cancelled", "release": "released"}
        return self._said(kinds[why]) if why in kinds else None

    def cannot(self) -> Callback:
        """What a node of the pull lane says instead of 422."""
        error = NodeError(code="unsupported", detail="It cannot", error_class=ErrorClass.UNSUPPORTED)
        return self._said("failed", error=error)

    def _said(
        self, kind: CallbackKind, error: NodeError | None = None, artifacts: tuple[Artifact, ...] = ()
    ) -> Callback:
        self._seq += 1
        return Callback(
            attempt_id=self.attempt_id,
            boot_id=self._node.boot_id,
            seq=self._seq,
            kind=kind,
            stage=self._stage,
            done=self._done,
            total=self._total(),
            frames_done=self.frames_done,
            frames_total=self._total(),
            fps=self._node.character.fps,
            error=error,
            artifacts=artifacts,
        )
