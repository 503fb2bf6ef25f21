"""A seeded schedule of faults, and the hands that make and mend them."""

import contextlib
import heapq
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from scripts.faults.real.fleet import Fleet, Node
from scripts.faults.real.programs import Program
from scripts.faults.real.proxy import Mode

Kind = Literal["kill", "freeze", "restart", "network", "disk", "database"]
GAP_S = (1.5, 5.0)
WEIGHTS: dict[Kind, int] = {"kill": 8, "freeze": 6, "restart": 3, "network": 5, "disk": 1, "database": 2}
LASTS_S: dict[Kind, tuple[float, float]] = {
    "kill": (0.1, 3.0),
    "freeze": (0.5, 7.0),
    "restart": (0.0, 1.0),
    "network": (0.5, 7.0),
    "disk": (2.0, 5.0),
    "database": (0.0, 2.0),
}
BROKEN: tuple[Mode, ...] = ("no answers", "no requests", "closed")
COORDINATOR = -1


@dataclass(frozen=True)
class Fault:
    """`at_s` after the beginning something happens to a party (-1 the coordinator) for `lasts_s`."""

    at_s: float
    kind: Kind
    party: int
    lasts_s: float
    mode: Mode = "pass"


def schedule(seed: int, seconds: float, nodes: int, *, database: bool, disk: bool) -> Iterator[Fault]:
    """The faults of a seed; the same for the same arguments."""
    dice = random.Random(seed)
    kinds = {
        kind: weight
        for kind, weight in WEIGHTS.items()
        if (kind != "database" or database) and (kind != "disk" or disk)
    }
    at = 2.0
    while at < seconds:
        kind = dice.choices(list(kinds), list(kinds.values()))[0]
        party = dice.randrange(COORDINATOR, nodes) if kind in {"kill", "freeze", "restart"} else dice.randrange(nodes)
        yield Fault(at, kind, 0 if kind == "disk" else party, dice.uniform(*LASTS_S[kind]), dice.choice(BROKEN))
        at += dice.uniform(*GAP_S)


class Weather:
    """Plays a schedule; a party that is broken already is left alone until it was mended."""

    def __init__(self, fleet: Fleet, say: Callable[[str], None]) -> None:
        self.fleet, self._say = fleet, say
        self.counts: Counter[str] = Counter()
        self.hits: Counter[int] = Counter()
        self._due: list[tuple[float, int, object, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._broken: set[object] = set()

    def play(self, faults: Iterator[Fault], seconds: float, alive: Callable[[], None]) -> None:
        """For so long; `alive` is called several times a second. Everything is mended at the end."""
        began = time.monotonic()
        upcoming = next(faults, None)
        while (now := time.monotonic() - began) < seconds:
            self._mend(now)
            if upcoming is not None and now >= upcoming.at_s:
                self._strike(upcoming, now)
                upcoming = next(faults, None)
            alive()
            time.sleep(0.05)
        self._mend(float("inf"))

    def _mend(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            _, _, key, mend = heapq.heappop(self._due)
            mend()
            self._broken.discard(key)

    def _strike(self, fault: Fault, now: float) -> None:
        key: object = "database" if fault.kind == "database" else fault.party
        if key in self._broken:
            return
        mend = self._make(fault)
        self._broken.add(key)
        self.counts[fault.kind] += 1
        self.hits[fault.party] += fault.kind != "database"
        heapq.heappush(self._due, (now + fault.lasts_s, next(self._numbers), key, mend))
        who = "the coordinator" if fault.party == COORDINATOR else f"node-{fault.party}"
        what = f" ({fault.mode})" if fault.kind == "network" else ""
        self._say(f"{now:6.1f} s  {fault.kind}{what} {'' if fault.kind == 'database' else who} {fault.lasts_s:.1f} s")

    def _make(self, fault: Fault) -> Callable[[], None]:
        postgres = self.fleet.postgres
        if fault.kind == "database" and postgres is not None:
            postgres.crash()
            return postgres.start
        node = self.fleet.nodes[max(fault.party, 0)]
        if fault.kind == "network":
            return _cut(node, fault.mode)
        if fault.kind == "disk":
            return _fill(node)
        program = self.fleet.coordinator if fault.party == COORDINATOR else node.program
        if fault.kind == "freeze" and program.exit_code is None:
            program.freeze()
            return program.thaw
        (program.end if fault.kind == "restart" else program.kill)()
        return lambda: _begin(program)


def _begin(program: Program) -> None:
    """Unless somebody else was quicker."""
    if program.exit_code is not None:
        program.start()


def _cut(node: Node, mode: Mode) -> Callable[[], None]:
    ways = [way for way in (node.out, node.back) if way is not None]

    def set_all(wanted: Mode) -> None:
        for way in ways:
            way.mode = wanted

    set_all(mode)
    return lambda: set_all("pass")


def _fill(node: Node) -> Callable[[], None]:
    ballast = node.home / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb") as file:
        while True:
            file.write(bytes(1 << 20))
    return lambda: ballast.unlink(missing_ok=True)
