"""Several replicas do everything at once on one database; what is left is sound."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from coordinator.clock import system_clock
from coordinator.errors import Gone, StorageUnavailable, WrongState
from coordinator.services import controls, leases, settling
from coordinator.store import attempts, tasks
from coordinator.store.database import Database
from coordinator.store.tables import Attempts
from coordinator.store.work import Work
from protocol.base import AttemptId
from protocol.interfaces import HeldAttempt
from protocol.states import AttemptState
from tests.coordinator.soundness import every_node, unsound
from tests.coordinator.world import RULES, World

REPLICAS = 4
DEEDS = 40
TURNS = 5
"""How often chance may try until it has ended an attempt."""
LIVE = ("offered", "running", "reported", "stopping")


class Replica:
    """One coordinator among several: it does what chance says to tasks that all of them share."""

    def __init__(self, url: str, seed: int, user: str, task_ids: list[str]) -> None:
        self.world = World(Database(url, system_clock))
        self.chance = random.Random(seed)
        self.user = user
        self.task_ids = task_ids
        self.broken: list[str] = []

    def run(self) -> list[str]:
        """Do it all; what a user would have seen as 503."""
        deeds: list[Callable[[], object]] = [self.claim, self.claim, self.speak, self.speak, self.judge, self.judge]
        deeds += [self.steer, self.listen, self.lose, self.settle]
        for _ in range(DEEDS):
            deed = self.chance.choice(deeds)
            try:
                deed()
            except (Gone, WrongState):
                continue
            except StorageUnavailable as error:
                self.broken.append(f"{deed.__name__}: {error}")
        self.world.database.engine.dispose()
        return self.broken

    def some(self, *states: str) -> Attempts | None:
        """A live attempt, as it was a moment ago."""
        task_id = self.chance.choice(self.task_ids)
        found = [row for row in self.world.attempts(task_id) if row.state in (states or LIVE)]
        return self.chance.choice(found) if found else None

    def claim(self) -> None:
        offer = self.world.claim()
        if offer is not None and self.chance.random() < 0.8:
            self.world.accept(offer.attempt.id)

    def speak(self) -> None:
        row = self.some("offered", "running", "stopping")
        kind = self.chance.choice(["progress", "completed", "completed", "failed", "released"])
        if row is None:
            return
        if kind == "completed":
            self.world.report(row.id)
        elif kind == "failed":
            self.world.fail(row.id)
        else:
            self.world.say(row.id, kind, self.chance.randrange(9), frames_done=self.chance.randrange(24))

    def judge(self) -> None:
        row = self.some("reported")
        if row is not None:
            (self.world.verify if self.chance.random() < 0.8 else self.world.refute)(row.id)

    def steer(self) -> None:
        task_id, user = self.chance.choice(self.task_ids), self.user
        verb = self.chance.choice(["pause", "resume", "resume", "retry", "retry", "cancel"])
        self.world.run(
            lambda work: (
                controls.pause(work, user, task_id)
                if verb == "pause"
                else getattr(controls, verb)(work, RULES, user, task_id)
            )
        )

    def listen(self) -> None:
        row = self.some()
        if row is not None:
            held = [HeldAttempt(attempt_id=AttemptId(row.id))]
            self.world.run(lambda work: leases.hear(work, RULES, row.interface_id, "boot-1", held))

    def lose(self) -> None:
        row = self.some("offered", "running", "stopping")
        if row is not None:
            self.world.run(lambda work: leases.lose(work, RULES, row))

    def settle(self) -> None:
        task_id = self.chance.choice(self.task_ids)
        self.world.run(lambda work: _settle(work, task_id))


def _settle(work: Work, task_id: str) -> None:
    task = tasks.lock(work, task_id)
    assert task is not None
    settling.settle(work, RULES, task)


@pytest.mark.parametrize("seed", [1, 2])
def test_replicas_that_do_everything_at_once_leave_sound_rows(world: World, seed: int) -> None:
    user = world.user()
    task_ids = [world.task(user) for _ in range(3)]
    for task_id in task_ids[:2]:
        world.add_step(task_id)
        world.add_step(task_id)
    nodes = [world.node(slots=slots) for slots in (1, 2, 3)]
    ended = 0
    for turn in range(TURNS):
        seeds = [1000 * turn + 100 * seed + number for number in range(REPLICAS)]
        replicas = [Replica(world.database.url, one, user, task_ids) for one in seeds]
        with ThreadPoolExecutor(REPLICAS) as threads:
            broken = list(threads.map(Replica.run, replicas))
        assert broken == [[]] * REPLICAS
        assert world.database.look(unsound) == []
        assert {node.id for node in world.database.look(every_node)} == set(nodes)
        ended = world.database.look(lambda work: attempts.count(work, [AttemptState.COMPLETED, AttemptState.FAILED]))
        if ended:
            break
    assert ended > 0
