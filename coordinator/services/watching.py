"""Waiting for a task to end without a thread and without polling: `Prefer: wait=N`."""

import asyncio
from collections import defaultdict

from coordinator.domain.lifecycle import ENDED
from coordinator.domain.news import Elsewhere, TaskChanged
from coordinator.store import tasks
from coordinator.store.database import Database
from coordinator.store.tables import Tasks
from protocol.states import TaskState

LOOK_AGAIN_S = 2.0
"""News of another replica may come late or not at all; so often a waiting request looks for itself."""


class TaskWatch:
    """Requests that wait, by task."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._closed = False

    def close(self) -> None:
        """The program ends: every waiting request is answered with what there is."""
        self._closed = True
        for events in self._waiting.values():
            for event in events:
                event.set()

    def hear(self, news: object) -> None:
        """The feed's listener."""
        match news:
            case TaskChanged(task_id=task_id):
                self._wake(task_id)
            case Elsewhere(moved=moved):
                for key in moved:
                    self._wake(key)

    def _wake(self, task_id: str) -> None:
        for event in self._waiting.get(task_id, ()):
            event.set()

    async def ended(self, task_id: str, seconds: float) -> bool:
        """Wait until the task has ended or is gone, at most so long. Whether it has."""
        event = asyncio.Event()
        self._waiting[task_id].add(event)
        try:
            async with asyncio.timeout(seconds):
                while not await self._database.read(lambda work: _over(tasks.get(work, task_id))):
                    if self._closed:
                        return False
                    event.clear()
                    await _heard(event)
        except TimeoutError:
            return False
        finally:
            self._waiting[task_id].discard(event)
            if not self._waiting[task_id]:
                del self._waiting[task_id]
        return True


async def _heard(event: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(event.wait(), LOOK_AGAIN_S)
    except TimeoutError:
        return


def _over(task: Tasks | None) -> bool:
    return task is None or TaskState(task.state) in ENDED
