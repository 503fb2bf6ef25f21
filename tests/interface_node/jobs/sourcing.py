"""A node's sources without the rest of the node: attempts that read a file of a coordinator on real HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from interface_node.coordinator_client.client import CoordinatorClient
from interface_node.jobs.attempt import Attempt
from interface_node.jobs.cache import SourceCache
from interface_node.jobs.meters import Meters
from interface_node.jobs.room import Room
from interface_node.jobs.sources import Sources
from interface_node.pipeline.container import Media
from interface_node.pipeline.source import scan
from protocol.work import FrameRange
from tests.clips import Clip
from tests.fakes.coordinator import FakeCoordinator
from tests.fakes.coordinator_wire import CLUSTER
from tests.interface_node.pipeline.shown import Shown, shown

MIB = 1024 * 1024
LARGE = Clip(frames=240, width=320, height=240, noise=True, audio="aac")
"""Ten megabytes, ten seconds."""


class Reading:
    """A cache and a connection; `small_bytes` 0 lets every file be read in part."""

    def __init__(self, coordinator: FakeCoordinator, home: Path, *, small_bytes: int = 0) -> None:
        self.coordinator = coordinator
        self.cache = SourceCache(home / "cache", Room(home))
        self.cache.open()
        self.meters = Meters()
        self.client = CoordinatorClient(coordinator.url, CLUSTER, lambda credentials: None)
        self.sources = Sources(self.client, self.cache, self.meters, small_bytes)

    def attempt(self, data: bytes, wanted: FrameRange | None) -> Attempt:
        """One that was accepted."""
        return Attempt(self.coordinator.assignment(data, range=wanted), 0)

    @property
    def fetched(self) -> float:
        """Bytes that were fetched, as the node counts them."""
        return self.meters.registry.get_sample_value("segfleet_node_fetched_bytes_total") or 0.0

    @asynccontextmanager
    async def source(self, attempt: Attempt) -> AsyncIterator[Media]:
        """Its source, open as a runner opens it."""
        async with self.sources.source(attempt) as media:
            yield media


@asynccontextmanager
async def reading(coordinator: FakeCoordinator, home: Path, *, small_bytes: int = 0) -> AsyncIterator[Reading]:
    """Until the block ends."""
    opened = Reading(coordinator, home, small_bytes=small_bytes)
    try:
        yield opened
    finally:
        await opened.client.close()


async def until(what: Callable[[], object]) -> None:
    """Wait until it is so, at most ten seconds."""
    for _ in range(1000):
        if what():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError("it did not happen")


def middle(path: Path, first: int, last: int, stamps: list[int], **changes: int) -> FrameRange:
    """The frames `first` to `last`, without the latter, of a video whose sorted times these are."""
    own = stamps[first:last]
    span = {"start_pts": own[0], "end_pts": stamps[last], "first_pts": own[0], "last_pts": own[-1]}
    return scan(path).whole().model_copy(update={**span, "frames": len(own), **changes})


class Video:
    """A video, its bytes, and what it shows."""

    def __init__(self, path: Path, whole: Shown) -> None:
        self.path = path
        self.data = path.read_bytes()
        self.whole = whole

    def part(self, first: int, last: int, **changes: int) -> FrameRange:
        """Frames of it as a plan names them."""
        return middle(self.path, first, last, [pts for pts, _ in self.whole], **changes)


async def see(node: Reading, attempt: Attempt) -> Shown:
    """What an attempt sees of its source, read in a thread as the pipeline does."""
    async with node.source(attempt) as media:
        return await asyncio.to_thread(shown, media, attempt.assignment.range)


def kept(home: Path) -> set[str]:
    """What lies in the cache, by kind."""
    return {path.suffix for path in (home / "cache").iterdir()}
