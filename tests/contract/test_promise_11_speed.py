"""Promise 11: the slow node does not get the big job. Real choices, claims and measured speeds, on a virtual clock."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coordinator.domain.placement import START_S
from coordinator.store import fleet
from coordinator.store.database import Database, make_engine
from coordinator.store.migrate import upgrade
from coordinator.store.work import Work
from tests.coordinator.soundness import unsound
from tests.coordinator.world import World

FRAMES, STEPS = 480, 64
FPS = (100.0, 10.0, 10.0, 10.0)
BEAT_S = 0.5


class Simulated:
    """A world whose nodes work as fast as `speeds` says, and whose time passes by `BEAT_S`."""

    def __init__(self, url: str) -> None:
        self.now = 1_000_000.0
        self.world = World(Database(url, lambda: self.now))
        self.speeds = {self.world.node(slots=1): fps for fps in FPS}
        self.working: dict[str, float] = {}

    def start(self) -> None:
        """Give out all that can be given out now."""
        while (offer := self.world.claim()) is not None:
            assert self.world.accept(offer.attempt.id)
            self.working[offer.attempt.id] = self.now + START_S

    def beat(self) -> None:
        """Time passes; nodes say how far they are, and end."""
        self.now += BEAT_S
        for attempt, began in list(self.working.items()):
            row = self.world.attempt(attempt)
            fps = self.speeds[row.interface_id]
            done = max(0, min(FRAMES, int((self.now - began) * fps)))
            said: dict[str, Any] = {"frames_done": done, "frames_total": FRAMES, "done": done, "fps": fps}
            if row.state == "stopping":
                self.world.say(attempt, "cancelled", 10**6)
            elif done < FRAMES:
                self.world.say(attempt, "progress", int(self.now / BEAT_S) % 10**6, stage="process", **said)
                continue
            else:
                self.world.report(attempt, 10**6)
                self.world.verify(attempt)
            del self.working[attempt]


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[Simulated]:
    """Four nodes, one of them ten times faster than the others; nobody has measured them yet."""
    url = f"sqlite:///{tmp_path / 'speed.db'}"
    engine = make_engine(url)
    upgrade(engine)
    engine.dispose()
    made = Simulated(url)
    yield made
    made.world.database.engine.dispose()


def optimum() -> float:
    """The offline optimum for equal steps: give each to the node where it would be done first."""
    done = [0.0] * len(FPS)
    for _ in range(STEPS):
        place = min(range(len(FPS)), key=lambda node: done[node] + START_S + FRAMES / FPS[node])
        done[place] += START_S + FRAMES / FPS[place]
    return max(done)


def test_promise_11_one_node_ten_times_faster_than_three_others_is_used_within_15_percent_of_the_optimum(
    simulated: Simulated,
) -> None:
    world = simulated.world
    task_id = world.task(frames=FRAMES)
    for _ in range(STEPS - 1):
        world.add_step(task_id, FRAMES)
    began = simulated.now
    simulated.start()
    while any(step.kind == "segment" and step.state != "done" for step in world.steps(task_id)):
        simulated.beat()
        simulated.start()
    took = simulated.now - began
    assert took <= 1.15 * optimum(), f"{took:.1f} s of {optimum():.1f} s"
    assert world.database.look(unsound) == []


def test_speeds_are_learnt_whatever_nodes_say_of_themselves(simulated: Simulated) -> None:
    world = simulated.world
    for _ in range(6):
        world.task(frames=FRAMES)
    simulated.start()
    for _ in range(120):
        simulated.beat()
        simulated.start()

    def measured(work: Work) -> dict[str, float]:
        return {row.interface_id: row.fps for row in fleet.speeds_of(work, "selfie")}

    found = world.database.look(measured)
    for node, fps in found.items():
        assert fps == pytest.approx(simulated.speeds[node], rel=0.35)
    assert set(found) == set(simulated.speeds)
