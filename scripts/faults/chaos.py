"""What goes wrong in a run, and when it stops: kills, freezes, cuts, storms, failing disks, clocks that are set."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from scripts.faults.parties import Weather
from scripts.faults.simulated_node import Node

if TYPE_CHECKING:
    from scripts.faults.world import World

CLOCK_STEP_S: Final = 60.0


class Chaos:
    """Does one thing after another; each is mended by itself after a while, and all by `calm`."""

    def __init__(self, world: "World", chance: random.Random) -> None:
        self._world = world
        self._chance = chance
        self._usual = world.network.weather
        self._lasts_s = chance.uniform(15.0, 40.0)
        self._pause_s = chance.choice([1.5, 4.0, 10.0])
        self._moments = chance.choice([0.0, 0.0, 0.15, 0.4])
        self.done: Counter[str] = Counter()
        self._mending: dict[asyncio.Task[None], None] = {}
        faults: dict[Callable[[], Awaitable[None]], float] = {
            self._kill_node: 4,
            self._freeze_node: 3,
            self._cut_node: 4,
            self._drain_node: 2,
            self._kill_coordinator: 2,
            self._freeze_coordinator: 2,
            self._storm: 2,
            self._fail_database: 1,
            self._set_clock: 3 if world.clock_steps else 0,
        }
        self._faults, self._weights = list(faults), list(faults.values())

    async def rage(self) -> None:
        """Until it is enough."""
        machine, chance = self._world.machine, self._chance
        while True:
            await asyncio.sleep(chance.expovariate(1 / self._pause_s))
            if machine.elapsed > self._lasts_s:
                return
            fault = chance.choices(self._faults, self._weights)[0]
            await fault()

    def bad_moment(self, node: Node) -> None:
        """A node has just accepted or finished something: no other moment shows so much when it dies in it."""
        if self._world.machine.elapsed < self._lasts_s and self._chance.random() < self._moments:
            self._later(self._chance.uniform(0.0, 0.05), lambda: self._strike(node))

    def _strike(self, node: Node) -> None:
        if node.up:
            self._begin("kill", node.name)
            node.kill()
            self._revive(node)

    def fatal(self, node: Node) -> None:
        """The work on a node killed it, in fair weather or foul; somebody starts it again."""
        self._begin("poison", node.name)
        node.kill()

        async def again() -> None:
            await asyncio.sleep(self._chance.uniform(0.3, 3.0))
            if not node.up:
                node.start()

        self._world.after(again())

    async def calm(self) -> None:
        """Everything is mended, and nothing goes wrong any more."""
        for task in self._mending:
            task.cancel()
        world = self._world
        world.network.weather = Weather(delay_s=0.01)
        world.network.cut.clear()
        for party in (*world.replicas, *world.nodes):
            party.thaw()
            if isinstance(party, Node) and party.closed:
                party.kill()
            if not party.up:
                party.start()
        for replica in world.replicas:
            replica.database.failing = False
        world.ledger.note("calm")

    def _later(self, seconds: float, mend: Callable[[], None]) -> None:
        async def wait() -> None:
            await asyncio.sleep(seconds)
            mend()

        task = asyncio.get_running_loop().create_task(wait())
        self._mending[task] = None
        task.add_done_callback(lambda done: self._mending.pop(done, None))

    def _one(self, parties: "list[Node]") -> "Node | None":
        up = [party for party in parties if party.up]
        return self._chance.choice(up) if up else None

    def _begin(self, what: str, whom: str) -> None:
        self.done[what] += 1
        self._world.ledger.note(f"{what} {whom}")

    async def _kill_node(self) -> None:
        node = self._one(self._world.nodes)
        if node is not None:
            self._strike(node)

    def _revive(self, node: Node) -> None:
        def again() -> None:
            if not node.up:
                self._begin("restart", node.name)
                node.start()

        self._later(self._chance.choice([0.2, 1.0, 5.0, 15.0]) * self._chance.uniform(0.5, 1.5), again)

    async def _drain_node(self) -> None:
        node = self._one(self._world.nodes)
        if node is not None and not node.frozen:
            self._begin("terminate", node.name)
            node.spawn(node.terminate())
            self._later(7.0, lambda: node.kill() if node.up and node.closed else None)
            self._revive_when_down(node)

    def _revive_when_down(self, node: Node) -> None:
        def again() -> None:
            if not node.up:
                self._begin("restart", node.name)
                node.start()

        self._later(8.0 + self._chance.uniform(0.0, 5.0), again)

    async def _freeze_node(self) -> None:
        node = self._one(self._world.nodes)
        if node is not None:
            self._begin("freeze", node.name)
            node.freeze()
            self._later(self._chance.choice([1.0, 8.0, 20.0]) * self._chance.uniform(0.5, 1.5), node.thaw)

    async def _cut_node(self) -> None:
        node, chance, network = self._one(self._world.nodes), self._chance, self._world.network
        if node is None:
            return
        pairs: set[tuple[str, str]] = set()
        ways = chance.choice(["there", "back", "both"])
        for replica in self._world.replicas:
            if len(self._world.replicas) > 1 and chance.random() < 0.4:
                continue
            pairs |= {(node.name, replica.name)} if ways in {"there", "both"} else set()
            pairs |= {(replica.name, node.name)} if ways in {"back", "both"} else set()
        self._begin("cut", f"{node.name} {ways}")
        network.cut |= pairs

        def join() -> None:
            network.cut -= pairs

        self._later(chance.choice([2.0, 6.0, 18.0]) * chance.uniform(0.5, 1.5), join)

    async def _kill_coordinator(self) -> None:
        replica = self._chance.choice(self._world.replicas)
        if not replica.up:
            return
        self._begin("kill coordinator", replica.name)
        replica.kill()

        def again() -> None:
            if not replica.up:
                self._begin("restart", replica.name)
                replica.start()

        self._later(self._chance.uniform(0.2, 12.0), again)

    async def _freeze_coordinator(self) -> None:
        replica = self._chance.choice(self._world.replicas)
        if replica.up:
            self._begin("freeze coordinator", replica.name)
            replica.freeze()
            self._later(self._chance.choice([1.0, 6.0, 25.0]) * self._chance.uniform(0.5, 1.5), replica.thaw)

    async def _storm(self) -> None:
        network = self._world.network
        self._begin("storm", "all")
        network.weather = replace(self._usual, lost=0.5, late=0.3)

        def pass_over() -> None:
            network.weather = self._usual

        self._later(self._chance.uniform(1.0, 8.0), pass_over)

    async def _fail_database(self) -> None:
        replica = self._chance.choice(self._world.replicas)
        database = replica.database
        self._begin("fail the database of", replica.name)
        database.failing = True

        def mend() -> None:
            database.failing = False

        self._later(self._chance.uniform(0.1, 3.0), mend)

    async def _set_clock(self) -> None:
        step = self._chance.choice([-CLOCK_STEP_S, CLOCK_STEP_S])
        self._begin("set the clock", f"{step:+.0f} s")
        self._world.machine.stepped += step
