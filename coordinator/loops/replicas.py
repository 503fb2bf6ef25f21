"""News between replicas on one PostgreSQL: which tasks, nodes and queue to look at, never what there is to see.

What this process commits is gathered for a moment and told by ids; what others tell is published here as `Elsewhere`.
If it dies, or the connection does: `schedule` starts it again, and everybody looks for themselves every few seconds.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from coordinator.domain.news import Elsewhere, InterfaceChanged, QueueChanged, TaskChanged
from coordinator.gateway.feed import Feed
from coordinator.ids import new_id
from coordinator.store.notices import Notices, NoticesLostError

log = logging.getLogger(__name__)
GATHER_S: Final = 0.02
AGAIN_S: Final = 2.0
MOST_IDS: Final = 150
"""In one notice; an id is at most 32 characters."""
MOST_GATHERED: Final = 10_000
"""While nobody can be told: others look for themselves then."""
SECTIONS: Final = ("moved", "progress", "interfaces")


class Replicas:
    """What this process tells the others and hears of them."""

    def __init__(self, notices: Notices, feed: Feed) -> None:
        self._notices = notices
        self._feed = feed
        self._name = new_id()
        self._gathered: dict[tuple[str, str], None] = {}
        self._queue = False
        self._wake = asyncio.Event()

    def hear(self, news: object) -> None:
        """The feed's listener: gather what this process committed."""
        match news:
            case TaskChanged(task_id=task_id, seq=None):
                self._gather("progress", task_id)
            case TaskChanged(task_id=task_id):
                self._gather("moved", task_id)
            case InterfaceChanged(interface_id=interface_id):
                self._gather("interfaces", interface_id)
            case QueueChanged():
                self._queue = True
                self._wake.set()

    def _gather(self, section: str, key: str) -> None:
        if len(self._gathered) < MOST_GATHERED:
            self._gathered[section, key] = None
            self._wake.set()

    async def speak(self) -> None:
        """Until cancelled."""
        await self._again(self._speak)

    async def listen(self) -> None:
        """Until cancelled."""
        await self._again(lambda: self._notices.hear(self._look_yourself, self._heard))

    async def _again(self, do: Callable[[], Any]) -> None:
        while True:
            try:
                await do()
            except NoticesLostError as error:
                log.warning("replicas_out_of_touch", extra={"reason": str(error)})
            await asyncio.sleep(AGAIN_S)

    async def _speak(self) -> None:
        async with self._notices.speaking() as say:
            while True:
                await self._wake.wait()
                await asyncio.sleep(GATHER_S)
                self._wake.clear()
                for text in self.texts():
                    await say(text)

    def texts(self) -> Iterator[str]:
        """Take what was gathered, as notices."""
        gathered, self._gathered = list(self._gathered), {}
        queue, self._queue = self._queue, False
        for start in range(0, max(len(gathered), 1), MOST_IDS):
            part = gathered[start : start + MOST_IDS]
            said: dict[str, Any] = {name: [key for of, key in part if of == name] for name in SECTIONS}
            yield json.dumps({"from": self._name, "queue": queue and start == 0, **said}, separators=(",", ":"))

    def _look_yourself(self) -> None:
        """Nobody knows what was told before."""
        self._feed.publish([Elsewhere(moved=("",), queue=True)])

    def _heard(self, text: str) -> None:
        news = read(text, self._name)
        if news is not None:
            self._feed.publish([news])


def read(text: str, own_name: str) -> Elsewhere | None:
    """What another replica told; None for one's own words and for those of nobody we know."""
    try:
        said = json.loads(text)
        if said["from"] == own_name:
            return None
        moved, progress, interfaces = (_ids(said[name]) for name in SECTIONS)
        return Elsewhere(moved, progress, interfaces, queue=said["queue"] is True)
    except (ValueError, KeyError, TypeError):
        log.warning("unknown_words_of_a_replica")
        return None


def _ids(given: Sequence[object]) -> tuple[str, ...]:
    return tuple(str(key) for key in given)
