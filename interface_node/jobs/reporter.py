"""Progress callbacks: about once a second while an attempt is held, whatever its stage."""

import asyncio
import time
from typing import Final

import structlog

from interface_node.coordinator_client.answers import Gone, Refused, Unreachable
from interface_node.jobs.attempt import Attempt
from interface_node.jobs.membership import Membership
from interface_node.jobs.meters import Meters
from protocol.reports import Callback, CallbackKind

_log = structlog.get_logger(__name__)
_MOVED_BY_COORDINATOR: Final = frozenset({"fetch", "upload"})


def callback(attempt: Attempt, boot_id: str, kind: CallbackKind = "progress") -> Callback:
    """What there is to say about an attempt now, under its next number."""
    progress = attempt.progress
    return Callback(
        attempt_id=attempt.id,
        boot_id=boot_id,
        seq=attempt.next_seq(),
        kind=kind,
        stage=progress.stage,
        done=progress.done,
        total=progress.total,
        frames_done=progress.frames_done,
        frames_total=progress.frames_total,
        fps=progress.fps,
    )


class Standstill:
    """Whether a stage's own counter stood still for too long; `load` may stand longer than the rest."""

    def __init__(self, limit_s: float, load_limit_s: float) -> None:
        self._limit_s = limit_s
        self._load_limit_s = load_limit_s
        self._seen: tuple[str, int] | None = None
        self._since = 0.0

    def lasts(self, stage: str, done: int, now: float) -> bool:
        """Tell the counter at `now` (monotonic seconds)."""
        if self._seen != (stage, done):
            self._seen, self._since = (stage, done), now
        return now - self._since > (self._load_limit_s if stage == "load" else self._limit_s)

    def forgive(self, now: float) -> None:
        """Begin to count anew: nobody answers, so bytes cannot move and the attempt is not to blame."""
        self._since = now


class Reporter:
    """Reports one attempt at a time; its answers may stop it."""

    def __init__(
        self, membership: Membership, boot_id: str, meters: Meters, period_s: float, limits: tuple[float, float]
    ) -> None:
        self._membership = membership
        self._boot_id = boot_id
        self._meters = meters
        self._period_s = period_s
        self._limits = limits

    async def run(self, attempt: Attempt, provider: str) -> None:
        """Until cancelled."""
        standstill = Standstill(*self._limits)
        while True:
            progress, began = attempt.progress, time.monotonic()
            if standstill.lasts(progress.stage, progress.done, began):
                attempt.stop("stall")
            heard = await self._once(attempt, provider)
            if not heard and (progress.stage in _MOVED_BY_COORDINATOR or attempt.starved):
                standstill.forgive(time.monotonic())
            await asyncio.sleep(max(0.0, began + self._period_s - time.monotonic()))

    async def _once(self, attempt: Attempt, provider: str) -> bool:
        """Report once; whether somebody answered."""
        message = callback(attempt, self._boot_id).model_copy(update={"provider": provider})
        try:
            reply = await self._membership.callback(attempt.assignment.callback_url, message)
        except Unreachable as error:
            self._meters.unreachable.inc()
            _log.info("progress_not_told", attempt_id=attempt.id, why=str(error))
            return False
        except (Gone, Refused) as error:
            _log.warning("attempt_is_over", attempt_id=attempt.id, why=str(error))
            attempt.stop("drop")
            return True
        if reply.command == "cancel":
            attempt.stop("cancel")
        return True
