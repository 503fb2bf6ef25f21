"""Sockets that follow the feed: what happened is queued by id, the object is read when it is sent."""

import asyncio
from dataclasses import dataclass, field

from coordinator.domain.news import TaskChanged
from coordinator.store.tables import Users

MOST_PENDING = 1000
"""Changed tasks that a slow reader may owe; past that it is told to read the lists again."""


@dataclass(slots=True)
class Subscriber:
    """One socket: the tasks that changed since it was last told, each once, and the newest event of each."""

    user: Users
    everything: bool
    changed: dict[str, int | None] = field(default_factory=dict)
    overflow: bool = False
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, news: object) -> None:
        """The feed's listener."""
        if not isinstance(news, TaskChanged) or not (self.everything or news.user_id == self.user.id):
            return
        if len(self.changed) >= MOST_PENDING and news.task_id not in self.changed:
            self.overflow = True
        else:
            before = self.changed.pop(news.task_id, None)
            self.changed[news.task_id] = news.seq if news.seq is not None else before
        self.wake.set()

    def take(self) -> dict[str, int | None]:
        """What is to be told now; empties the list."""
        changed, self.changed = self.changed, {}
        self.wake.clear()
        return changed
