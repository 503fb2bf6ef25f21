"""What all coordinators of all runs of this process share, and the gateways that lead into the simulation."""

import asyncio
import random
import tempfile
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from coordinator.app import compose
from coordinator.clock import monotonic
from coordinator.domain.blame import Limits
from coordinator.domain.media import VIDEO, VideoFacts
from coordinator.domain.timestamps import FrameTimes, frame_times
from coordinator.gateway.feed import Feed
from coordinator.gateway.files import Files
from coordinator.gateway.interface_client import CALL_S, IDENTITY_S, Busy, InterfaceClient, Refused, Unreachable
from coordinator.gateway.networks import Networks
from coordinator.gateway.probe.pool import ProbedArtifact, ProbePool
from coordinator.services.context import Context
from coordinator.services.node_keys import NodeKeys
from coordinator.services.polling import PollDesk
from coordinator.services.progress import ProgressBook
from coordinator.services.rules import Rules
from coordinator.services.watching import TaskWatch
from coordinator.settings import from_environment
from protocol.base import AttemptId
from protocol.work import Accepted, Assignment
from scripts.faults.coordinator_line import CLUSTER_STRING
from scripts.faults.inline_store import InlineDatabase, Store
from scripts.faults.parties import NoAnswer, NotConnected, Party
from scripts.faults.simulated_work import EXTRADATA

if TYPE_CHECKING:
    from scripts.faults.world import World

RULES: Final = Rules(
    lease_s=10.0, heartbeat_s=15.0, stall_s=30.0, model_load_s=40.0, limits=Limits(failures=3, losses=6), segment_s=4.0
)
FACTS: Final[dict[str, Any]] = {
    "container": "mp4",
    "codec": "h264",
    "pix_fmt": "yuv420p",
    "width": 64,
    "height": 48,
    "rotation": 0,
    "sar": "1/1",
    "color": {},
    "stream": 0,
    "time_base": "1/24",
    "has_timestamps": True,
    "fps": 24.0,
    "has_audio": False,
    "streams": [],
    "extradata_sha256": EXTRADATA,
    "faststart": True,
}


class Estate:
    """Made once a process: settings, the composed coordinator that others are copied from, the store."""

    def __init__(self) -> None:
        self.store = Store()
        home = Path(tempfile.mkdtemp(prefix="segfleet-simulation-"))
        environment = {
            "SEGFLEET_HOME": str(home),
            "INTERFACE_IDENTIFICATION": CLUSTER_STRING,
            "INTERFACE_APPROVAL": "auto",
            "MAX_WORKERS": "2",
        }
        self._whole = compose(from_environment(environment=environment, directory=home))
        home.rmdir()

    def context(self, world: "World", party: Party, database: InlineDatabase) -> Context:
        """What one coordinator lives with."""
        whole, machine = self._whole, world.machine
        return replace(
            whole,
            rules=RULES,
            clock=machine.time,
            database=database,
            feed=Feed(),
            files=Footage(whole.files.home, whole.files.videos, whole.files.backgrounds, 0, world.clips),
            probes=Probes(world, party),
            interface_client=Client(world, party),
            node_keys=NodeKeys(database, whole.door.secrets, RULES),
            door=replace(whole.door, rules=RULES),
            polls=PollDesk(),
            book=ProgressBook(RULES, monotonic),
            watch=TaskWatch(database),
        )


@dataclass(frozen=True)
class Footage(Files):
    """Files of which only the timestamps are ever read. `clips` are frames by the id of the upload."""

    clips: Mapping[str, int]

    def read_times(self, media_id: str, kind: str = VIDEO) -> FrameTimes:
        """A frame every tick, a keyframe every second."""
        frames = self.clips[media_id]
        return frame_times(range(frames), range(0, frames, 24))


class Client(InterfaceClient):
    """Calls simulated nodes over the simulated network."""

    def __init__(self, world: "World", party: Party) -> None:
        super().__init__(world.machine.time, Networks(()))
        self._world = world
        self._party = party

    async def identify(self, address: str, node_id: str | None, secret: str) -> bool:
        """GET /identity."""
        node = self._world.node_at(address)

        async def asked() -> bool:
            return node.identity(node_id, secret)

        try:
            return await self._world.network.ask(self._party, node, asked, IDENTITY_S)
        except (NotConnected, NoAnswer):
            return False

    async def assign(
        self, address: str, interface_id: str, secret: str, assignment: Assignment
    ) -> Accepted | Busy | Refused | Unreachable:
        """POST /process."""
        node = self._world.node_at(address)

        async def asked() -> Accepted | Busy | Refused | Unreachable:
            return node.process(interface_id, secret, assignment)

        try:
            return await self._world.network.ask(self._party, node, asked, CALL_S)
        except NotConnected:
            return Unreachable(False, "nobody listens")
        except NoAnswer:
            return Unreachable(True, "no answer")

    async def cancel(self, address: str, interface_id: str, secret: str, attempt_id: str) -> bool:
        """DELETE /process/{attempt_id}."""
        node = self._world.node_at(address)

        async def asked() -> bool:
            return node.delete(interface_id, secret, AttemptId(attempt_id))

        try:
            return await self._world.network.ask(self._party, node, asked, CALL_S)
        except (NotConnected, NoAnswer):
            return False


class Probes(ProbePool):
    """Finds in a file what its node put there."""

    def __init__(self, world: "World", party: Party) -> None:
        super().__init__(1)
        self._world = world
        self._party = party
        self._chance = random.Random(f"probes {world.seed} {party.name}")

    async def artifact(self, path: Path) -> ProbedArtifact:
        """What lies at `path`. FileNotFoundError."""
        await self._party.pause(self._chance.uniform(0.05, 0.8))
        attempt_id, output = path.parts[-2], path.parts[-1]
        found = self._world.shelf.get((attempt_id, output))
        if found is None:
            raise FileNotFoundError(2, "No such file", str(path))
        self._world.ledger.examined(attempt_id)
        pts = array("q", range(found.first_pts, found.last_pts + 1))
        duration = len(pts) / 24
        known = {"frames": found.frames, "keyframes": 1, "duration": duration}
        facts = VideoFacts(**{**FACTS, **known, "first_pts": found.first_pts, "last_pts": found.last_pts})
        await asyncio.sleep(0)
        return ProbedArtifact(facts, pts, found.size, found.sha256)
