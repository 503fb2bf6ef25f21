"""Outcomes that wait for the coordinator's word, on disk, so that no restart of either side loses finished work."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from interface_node.coordinator_client.answers import Gone, Refused, Unreachable
from interface_node.jobs import backoff, durable, loops
from interface_node.jobs.membership import Membership
from interface_node.jobs.meters import Meters
from protocol.base import AttemptId, TaskId
from protocol.interfaces import HeldAttempt
from protocol.reports import Callback

_log = structlog.get_logger(__name__)
MOST: Final = 200
"""More than these are not named in a heartbeat, whose list is bounded."""


class Letter(BaseModel):
    """A terminal callback and where it goes. `ends_task` is the task that is over once it is acknowledged."""

    model_config = ConfigDict(frozen=True)

    url: str
    lease_s: float
    callback: Callback
    ends_task: TaskId | None = None


class Outbox:
    """Letters by attempt. `put` returns when the letter is on the disk; `deliver` sends it until it is acknowledged.

    `task_ended` is called in a thread when the letter that ends a task was.
    """

    def __init__(
        self, directory: Path, membership: Membership, meters: Meters, task_ended: Callable[[TaskId], None]
    ) -> None:
        self._task_ended = task_ended
        self._directory = directory
        self._membership = membership
        self._meters = meters
        self._letters: dict[AttemptId, Letter] = {}
        self._deliveries: dict[AttemptId, asyncio.Task[None]] = {}

    def load(self) -> tuple[AttemptId, ...]:
        """Read what an earlier run left; whose outcomes wait."""
        for path in sorted(self._directory.glob("*.json")):
            try:
                letter = Letter.model_validate_json(path.read_bytes())
            except ValidationError:
                _log.error("outbox_letter_damaged", file=path.name)
                path.rename(path.with_suffix(".damaged"))
                continue
            self._letters[letter.callback.attempt_id] = letter
        self._meters.outbox.set(len(self._letters))
        return tuple(self._letters)

    def start(self) -> None:
        """Deliver what is there."""
        for attempt_id in self._letters:
            self._deliver(attempt_id)

    async def stop(self) -> None:
        """Stop delivering; the letters stay."""
        await loops.end(list(self._deliveries.values()))

    async def put(self, letter: Letter) -> None:
        """Keep the letter and begin to deliver it; a full disk costs it its safety, not its delivery."""
        attempt_id = letter.callback.attempt_id
        try:
            await asyncio.to_thread(durable.write, self._path(attempt_id), letter.model_dump_json().encode())
        except OSError as error:
            _log.error("outbox_not_durable", attempt_id=attempt_id, why=str(error))
        self._letters[attempt_id] = letter
        self._meters.outbox.set(len(self._letters))
        self._deliver(attempt_id)

    async def flush(self, timeout_s: float) -> bool:
        """Wait until every letter is acknowledged, at most `timeout_s`; whether none is left."""
        if self._deliveries:
            await asyncio.wait(self._deliveries.values(), timeout=timeout_s)
        return not self._letters

    def held(self) -> tuple[HeldAttempt, ...]:
        """As heartbeats name them."""
        pending = list(self._letters.items())[:MOST]
        return tuple(
            HeldAttempt(attempt_id=one, frames_done=letter.callback.frames_done, outcome_pending=True)
            for one, letter in pending
        )

    def has(self, attempt_id: AttemptId) -> bool:
        """Whether an outcome of this attempt waits here."""
        return attempt_id in self._letters

    async def drop(self, attempt_id: AttemptId) -> None:
        """Forget a letter that nobody waits for."""
        task = self._deliveries.pop(attempt_id, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        if self._letters.pop(attempt_id, None) is not None:
            await asyncio.to_thread(self._remove, attempt_id)
        self._meters.outbox.set(len(self._letters))

    def _deliver(self, attempt_id: AttemptId) -> None:
        name = f"outbox {attempt_id}"
        self._deliveries[attempt_id] = asyncio.create_task(self._delivery(self._letters[attempt_id]), name=name)

    async def _delivery(self, letter: Letter) -> None:
        attempt_id = letter.callback.attempt_id
        for wait_s in backoff.waits(backoff.limit(letter.lease_s)):
            if await self._tried(letter):
                await self.drop(attempt_id)
                return
            await asyncio.sleep(wait_s)

    async def _tried(self, letter: Letter) -> bool:
        """Send once; whether the matter is settled."""
        callback = letter.callback
        try:
            await self._membership.callback(letter.url, callback)
        except Unreachable as error:
            self._meters.unreachable.inc()
            _log.info("outcome_waits", attempt_id=callback.attempt_id, kind=callback.kind, why=str(error))
            return False
        except (Gone, Refused) as error:
            _log.warning("outcome_not_wanted", attempt_id=callback.attempt_id, kind=callback.kind, why=str(error))
            return True
        _log.info("outcome_acknowledged", attempt_id=callback.attempt_id, kind=callback.kind)
        if letter.ends_task is not None:
            await asyncio.to_thread(self._task_ended, letter.ends_task)
        return True

    def _path(self, attempt_id: AttemptId) -> Path:
        return self._directory / f"{attempt_id}.json"

    def _remove(self, attempt_id: AttemptId) -> None:
        self._path(attempt_id).unlink(missing_ok=True)
        durable.sync_directory(self._directory)
