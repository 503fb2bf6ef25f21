"""Who listens to what: readers by account and by topic, and how many sockets there may be."""

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from coordinator.api.addresses import household
from coordinator.api.live_reader import Reader
from coordinator.api.rate_limit import Meter
from coordinator.clock import monotonic
from protocol.live import Topic


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many sockets there may be: in all, of one account, and of those that have not yet said who they are, in all
    and from one address; and how many events an account is told again in a minute. And how long, in seconds, one may
    take for its first message, be silent, and leave a message untaken; after how long nothing said it is pinged, and
    how often rights are read."""

    sockets: int = 5000
    of_account: int = 20
    strangers: int = 1000
    of_address: int = 50
    told_again: int = 10_000
    first_s: float = 10.0
    idle_s: float = 60.0
    send_s: float = 10.0
    ping_s: float = 20.0
    rights_s: float = 5.0
    tick_s: float = 1.0


class Audience:
    """Every open socket. `open` are all that proved who they are, also those that still catch up."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self._told_again = Meter(f"{bounds.told_again}/minute")
        self._strangers: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self.open: set[Reader] = set()
        self._own: defaultdict[str, set[Reader]] = defaultdict(set)
        self._topics: defaultdict[Topic, set[Reader]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self.open) + self._strangers.total()

    def knock(self, address: str) -> bool:
        """A socket was opened. False: there are too many, of this address or in all."""
        bounds, near = self.bounds, household(address)
        if len(self) >= bounds.sockets or self._strangers.total() >= bounds.strangers:
            return False
        if self._strangers[near] >= bounds.of_address:
            return False
        self._strangers[near] += 1
        return True

    def gave_up(self, address: str) -> None:
        """A socket that knocked is gone, or is no stranger any more."""
        near = household(address)
        self._strangers[near] -= 1
        if not self._strangers[near]:
            del self._strangers[near]

    def enter(self, reader: Reader) -> bool:
        """A socket proved who it is. False: its account has too many."""
        if self._counts[reader.identity.user_id] >= self.bounds.of_account:
            return False
        self._counts[reader.identity.user_id] += 1
        self.open.add(reader)
        return True

    def leave(self, reader: Reader) -> None:
        """A socket is gone."""
        self.open.discard(reader)
        self.mute(reader)
        key = reader.identity.user_id
        self._counts[key] -= 1
        if not self._counts[key]:
            del self._counts[key]

    def may_tell_again(self, reader: Reader, events: int) -> bool:
        """Count events that this socket wants to be told again. False: its account has had enough of them for now."""
        return not self._told_again.wait_s(reader.identity.user_id, monotonic(), events)

    def hearing(self, reader: Reader) -> None:
        """From now on this socket is told what happens."""
        for topic in reader.topics:
            self._topics[topic].add(reader)
        if Topic.TASKS in reader.topics:
            self._own[reader.identity.user_id].add(reader)

    def mute(self, reader: Reader) -> None:
        """This socket is told nothing for now."""
        for readers in self._topics.values():
            readers.discard(reader)
        mine = self._own.get(reader.identity.user_id)
        if mine is not None:
            mine.discard(reader)
            if not mine:
                del self._own[reader.identity.user_id]

    def of_topic(self, topic: Topic) -> set[Reader]:
        """Who hears a topic."""
        return self._topics[topic]

    def of_task(self, user_id: str) -> set[Reader]:
        """Who hears about a task of this account."""
        return self._own.get(user_id, set()) | self._topics[Topic.ALL_TASKS]

    def of_tasks(self, user_ids: Collection[str]) -> set[Reader]:
        """Who hears about a task of any of these accounts."""
        return set().union(*(self.of_task(user_id) for user_id in user_ids))
