"""One attempt on this node, from the yes to its outcome."""

import asyncio
import threading
import time
from collections.abc import Coroutine
from typing import Any, Literal, TypeVar

from interface_node.jobs.work import Progress
from protocol.base import AttemptId
from protocol.interfaces import HeldAttempt
from protocol.states import StepKind
from protocol.work import Assignment

Reason = Literal["cancel", "release", "drop", "stall"]
T = TypeVar("T")


class Stopped(Exception):
    """The attempt was told to stop; `Attempt.reason` says why."""


class Attempt:
    """State of one attempt. Written by the event loop, except `progress`, which its worker thread replaces.

    A light one needs no accelerator: it takes none of the slots, and `slot` is 0 and means nothing.
    """

    def __init__(self, assignment: Assignment, slot: int) -> None:
        self.assignment = assignment
        self.slot = slot
        self.reason: Reason | None = None
        self.cancelled = threading.Event()
        self.finished = asyncio.Event()
        self.began = time.monotonic()
        self.starved = 0
        """Reads of the source that wait for bytes."""
        self.progress = Progress("fetch", total=assignment.source.size, frames_total=_frames(assignment))
        self._stopping = asyncio.Event()
        self._seq = 0

    @property
    def id(self) -> AttemptId:
        """Its id, the fencing token."""
        return self.assignment.attempt_id

    @property
    def light(self) -> bool:
        """Whether it needs no accelerator and so no slot."""
        return self.assignment.kind == StepKind.ASSEMBLE

    def next_seq(self) -> int:
        """Strictly rising numbers for callbacks."""
        self._seq += 1
        return self._seq

    def report(self, progress: Progress) -> None:
        """Replace the progress; safe from any thread. Frames once done stay done while other stages run."""
        self.progress = progress

    def stage(self, progress: Progress) -> None:
        """Enter or continue a stage that counts no frames, keeping the frames that are known."""
        known = self.progress
        self.progress = Progress(
            progress.stage, progress.done, progress.total, known.frames_done, known.frames_total, known.fps
        )

    def stop(self, reason: Reason) -> None:
        """Ask for the end. The first reason counts, but `drop` beats all: nobody wants to hear of it any more."""
        if self.reason is None or reason == "drop":
            self.reason = reason
        self.cancelled.set()
        self._stopping.set()

    async def unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """Await `work`; cancel it and raise Stopped when the attempt is told to stop first."""
        task = asyncio.create_task(work)
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise Stopped
            return task.result()
        finally:
            for one in (task, stopping):
                one.cancel()
            await asyncio.gather(task, stopping, return_exceptions=True)

    async def stopped(self) -> None:
        """Wait until somebody asks for the end."""
        await self._stopping.wait()

    def held(self) -> HeldAttempt:
        """As heartbeats name it."""
        return HeldAttempt(attempt_id=self.id, frames_done=self.progress.frames_done)


def _frames(assignment: Assignment) -> int:
    if assignment.kind == StepKind.ASSEMBLE:
        return 0
    if assignment.range is not None:
        return assignment.range.frames
    return 1 if assignment.kind == StepKind.IMAGE else 0
