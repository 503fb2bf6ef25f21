"""One run: its parties, what a seed decides about them, and the order of its days: faults, calm, verdict."""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from coordinator.errors import StorageUnavailable
from scripts.faults import verdict
from scripts.faults.chaos import Chaos
from scripts.faults.estate import RULES, Estate
from scripts.faults.ledger import Ledger
from scripts.faults.parties import Network, Weather
from scripts.faults.people import People
from scripts.faults.replica import Replica
from scripts.faults.simulated_node import Character, Node
from scripts.faults.simulated_work import Bytes
from scripts.faults.virtual_time import Machine, VirtualLoop, installed

CALM_S: Final = 400.0
"""So long after the last fault every task must have ended."""
AFTERWARDS_S: Final = 1.2 * RULES.lease_s


@dataclass(frozen=True)
class Report:
    """What a run came to."""

    seed: int
    hash: str
    findings: tuple[str, ...]
    elapsed_s: float
    units: int
    tasks: dict[str, int]
    faults: dict[str, int]
    log: tuple[str, ...] = ()


class World:
    """Everything of one seed."""

    def __init__(self, seed: int, estate: Estate) -> None:
        self.seed = seed
        self.estate = estate
        self.machine = Machine(seed)
        self.ledger = Ledger(self.machine, RULES.lease_s)
        self.shelf: dict[tuple[str, str], Bytes] = {}
        self.clips: dict[str, int] = {}
        chance = random.Random(f"world {seed}")
        self.network = Network(random.Random(f"network {seed}"), _weather(chance))
        self.replicas: list[Replica] = []
        self.nodes: list[Node] = []
        self.clock_steps = seed % 10 == 5
        self.poisoned: set[str] = set()
        self.bad_moment: Callable[[Node], None] = lambda node: None
        self.fatal = self.bad_moment
        self.faults: Mapping[str, int] = {}
        self._chance = chance
        self._background: dict[asyncio.Task[Any], None] = {}

    def any_replica(self, chance: random.Random) -> Replica:
        """As a load balancer would choose: one that is up, if there is one."""
        return chance.choice([one for one in self.replicas if one.up] or self.replicas)

    def node_at(self, address: str) -> Node:
        """Who listens there."""
        return next(
            node
            for node in self.nodes
            if node.home.address is not None and node.home.address in (address, f"{address}/")
        )

    def after(self, what: Coroutine[Any, Any, None]) -> None:
        """Something that nobody's death ends."""
        task = asyncio.get_running_loop().create_task(what)
        self._background[task] = None
        task.add_done_callback(lambda done: self._background.pop(done, None))

    async def live(self) -> None:
        """The whole run."""
        self.estate.store.fresh(self.ledger.watch)
        self.replicas += [Replica(f"coordinator-{n}", self) for n in range(2 if self.seed % 3 == 0 else 1)]
        self.nodes += [self._node(number) for number in range(self._chance.randint(1, 4))]
        people = People(self, random.Random(f"people {self.seed}"))
        chaos = Chaos(self, random.Random(f"chaos {self.seed}"))
        self.bad_moment, self.fatal, self.faults = chaos.bad_moment, chaos.fatal, chaos.done
        people.open()
        for party in (*self.replicas, *self.nodes):
            party.start()
        acting = [asyncio.ensure_future(people.act()), asyncio.ensure_future(chaos.rage())]
        await asyncio.gather(*acting)
        await chaos.calm()
        await people.come_back()
        if not await self._settled():
            self.ledger.found("tasks are stuck: " + verdict.unsettled(self.ledger))
        await asyncio.sleep(AFTERWARDS_S)
        verdict.judge(self)
        for party in (*self.nodes, *self.replicas):
            party.kill()
        await asyncio.sleep(0.1)
        for task in tuple(self._background):
            task.cancel()
        await asyncio.sleep(0)

    def _node(self, number: int) -> Node:
        chance = self._chance
        flawed = chance.random() < 0.4
        character = Character(
            slots=chance.choice([1, 1, 2]),
            fps=chance.choice([12.0, 24.0, 48.0]),
            push=chance.random() < 0.6,
            fails=0.25 if flawed and chance.random() < 0.5 else 0.0,
            lies=0.25 if flawed and chance.random() < 0.5 else 0.0,
            stalls=0.1 if flawed and chance.random() < 0.3 else 0.0,
            refuses=0.1 if flawed and chance.random() < 0.3 else 0.0,
        )
        return Node(f"node-{number}", number, character, self, random.Random(f"node {number} {self.seed}"))

    async def _settled(self) -> bool:
        """Wait until nothing is left to do."""
        until = self.machine.elapsed + CALM_S
        while self.machine.elapsed < until:
            await asyncio.sleep(1.0)
            if not verdict.unsettled(self.ledger):
                return True
        return False


def _weather(chance: random.Random) -> Weather:
    bad = chance.choice([0.0, 0.0, 0.03, 0.1])
    return Weather(
        delay_s=chance.choice([0.005, 0.02, 0.1]),
        lost=bad,
        doubled=chance.choice([0.0, 0.05, 0.15]),
        late=chance.choice([0.0, 0.02, 0.08]),
    )


class _Alarm(logging.Handler):
    """What the product logs as an error is a finding, unless a fault of ours was its reason."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(logging.ERROR)
        self._ledger = ledger

    def emit(self, record: logging.LogRecord) -> None:
        """Look at one record."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, StorageUnavailable):
            self._ledger.crashed(f"{record.name} ({record.getMessage()})", error)


def run(seed: int, estate: Estate, *, keep_log: bool = False) -> Report:
    """One seed, from its first to its last moment."""
    world = World(seed, estate)
    alarm, logger = _Alarm(world.ledger), logging.getLogger("coordinator")
    logger.addHandler(alarm)
    logger.propagate, logger.level = False, logging.ERROR
    loop = VirtualLoop(world.machine)
    try:
        with installed(world.machine):
            loop.run_until_complete(world.live())
    except Exception as error:  # noqa: BLE001 - whatever ends a run is what it found
        world.ledger.crashed("the run", error)
    finally:
        logger.removeHandler(alarm)
        loop.close()
    ledger = world.ledger
    return Report(
        seed,
        ledger.hash,
        tuple(ledger.findings),
        world.machine.elapsed,
        ledger.units,
        verdict.counts(ledger),
        dict(world.faults),
        tuple(ledger.log) if keep_log else (),
    )
