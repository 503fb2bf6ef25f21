"""Users, nodes, a verifier and a clock do whatever they can in any order; the contract holds after every step."""

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import event, select

from coordinator.domain.lifecycle import ENDED, LIVE
from coordinator.errors import CoordinatorError
from coordinator.services import controls, dispatching, leases, retention, settling
from coordinator.services.rules import Rules
from coordinator.store import artifacts, attempts, tasks
from coordinator.store.database import Database
from coordinator.store.schema import metadata, table
from coordinator.store.tables import Interfaces, Tasks
from coordinator.store.work import Work
from protocol.base import AttemptId
from protocol.interfaces import HeldAttempt
from protocol.reports import CallbackKind
from protocol.states import StepKind, TaskState
from tests.coordinator.soundness import unsound
from tests.coordinator.world import SHA, World

RULES = Rules()
KINDS: tuple[CallbackKind, ...] = ("progress", "completed", "failed", "released", "cancelled")
USER_VERBS = ("pause", "resume", "cancel", "retry", "reset", "remove")
SLOTS = (1, 2, 3)


class Everything(RuleBasedStateMachine):
    """`shared` is a migrated database that every run empties; time is a number."""

    shared: Database
    now = 0.0
    given: Bundle[str] = Bundle("given")
    made: Bundle[str] = Bundle("made")

    @initialize()
    def begin(self) -> None:
        Everything.now = 1_000_000.0
        with self.shared.engine.begin() as connection:
            for rows in reversed(metadata.sorted_tables):
                connection.execute(rows.delete())
        self.world = World(self.shared)
        self.user = self.world.user()
        self.nodes = [self.world.node(slots=slots) for slots in SLOTS]
        self.boots = dict.fromkeys(self.nodes, 1)
        self.progress: dict[str, float] = {}
        self.winners: dict[str, str] = {}

    @rule(target=made, segments=st.integers(1, 3))
    def submit(self, segments: int) -> str:
        task_id = self.world.task(self.user)
        for _ in range(segments - 1):
            self.world.add_step(task_id)
        return task_id

    @rule(target=given)
    def claim(self) -> str:
        offer = self.world.claim()
        return offer.attempt.id if offer is not None else "nothing"

    @rule(attempt=given)
    def accept(self, attempt: str) -> None:
        self.world.accept(attempt)

    @rule(attempt=given, answer=st.sampled_from(["busy", "refused", "not_connected"]))
    def turn_down(self, attempt: str, answer: str) -> None:
        if answer == "refused":
            self.world.run(lambda work: dispatching.refused(work, RULES, attempt, "unsupported_codec", "No"))
        elif answer == "busy":
            self.world.run(lambda work: dispatching.busy(work, RULES, attempt))
        else:
            self.world.run(lambda work: dispatching.not_connected(work, RULES, attempt))

    @rule(attempt=given, kind=st.sampled_from(KINDS), seq=st.integers(0, 5), frames=st.integers(0, 30))
    def say(self, attempt: str, kind: CallbackKind, seq: int, frames: int) -> None:
        row = self.world.database.look(lambda work: attempts.get(work, attempt))
        if row is None:
            return
        if self.world.database.look(lambda work: tasks.get(work, row.task_id)) is None:
            return
        try:
            if kind == "completed":
                self.world.report(attempt, seq)
            elif kind == "failed":
                self.world.fail(attempt, "input" if seq == 5 else "node", seq)
            else:
                self.world.say(attempt, kind, seq, frames_done=frames)
        except CoordinatorError as error:
            _allowed(error, {"gone"})

    @rule(attempt=given, agrees=st.booleans(), extradata=st.sampled_from([SHA, SHA, "b" * 64]))
    def judge(self, attempt: str, agrees: bool, extradata: str) -> None:
        if agrees:
            self.world.verify(attempt, extradata)
        else:
            self.world.refute(attempt)

    @rule(task=made, verb=st.sampled_from(USER_VERBS))
    def steer(self, task: str, verb: str) -> None:
        try:
            self.world.run(lambda work: _steer(work, self.user, task, verb))
        except CoordinatorError as error:
            _allowed(error, {"wrong_state", "not_found", "not_submitted"})
            return
        if verb in ("reset", "remove"):
            self.progress.pop(task, None)

    @rule(node=st.integers(0, 2), attempts_named=st.lists(given, max_size=3))
    def list_attempts(self, node: int, attempts_named: list[str]) -> None:
        self._hear(self.nodes[node], attempts_named)

    @rule(node=st.integers(0, 2))
    def boot(self, node: int) -> None:
        self.boots[self.nodes[node]] += 1
        self._hear(self.nodes[node], [])

    def _hear(self, node: str, named: list[str]) -> None:
        held = [HeldAttempt(attempt_id=AttemptId(key)) for key in named]
        boot_id = f"boot-{self.boots[node]}"
        self.world.run(lambda work: leases.hear(work, RULES, node, boot_id, held))

    @rule(seconds=st.sampled_from([1.0, 20.0, 70.0, 400.0]))
    def wait(self, seconds: float) -> None:
        Everything.now += seconds
        self.world.run(lambda work: leases.expire(work, RULES))
        self.world.run(lambda work: leases.give_up_on_the_still(work, RULES))

    @rule(task=made)
    def lose_parts(self, task: str) -> None:
        """The janitor comes for a task that ended long ago."""
        row = self.world.database.look(lambda work: tasks.get(work, task))
        if row is not None and row.state in ENDED:
            self.world.set(Tasks, task, parts_expire_at=1.0)
            self.world.run(retention.forget_parts)
            self.world.set(Tasks, task, parts_expire_at=Everything.now + 1e6)

    @rule()
    def reconnect(self) -> None:
        for node in self.nodes:
            self.world.set(Interfaces, node, lane="push", unreachable=False)

    @rule()
    def tick(self) -> None:
        assert self.world.database.look(settling.unsettled) == []
        for task in self.world.database.look(_every_task):
            before = self.world.state(task.id)
            assert self.world.run(partial(_settle, task_id=task.id)) == before == self.world.state(task.id)

    @invariant()
    def the_contract_holds(self) -> None:
        assert self.world.database.look(unsound) == []
        for task in self.world.database.look(_every_task):
            assert task.progress >= self.progress.get(task.id, 0.0)
            self.progress[task.id] = task.progress
            rows = self.world.steps(task.id)
            joined = any(row.winner for row in rows if row.kind == StepKind.ASSEMBLE)
            for step in rows:
                if step.winner is not None:
                    known = self.winners.setdefault(step.id, step.winner)
                    assert known == step.winner or not self._has_files(known)
                    self.winners[step.id] = step.winner
                    last = step.kind == StepKind.ASSEMBLE or len(rows) == 1
                    if task.state == TaskState.COMPLETED if last else task.state in LIVE and not joined:
                        assert self._has_files(step.winner)

    def _has_files(self, attempt_id: str) -> bool:
        return bool(self.world.database.look(partial(artifacts.of_attempt, attempt_id=attempt_id)))


def _allowed(error: CoordinatorError, codes: set[str]) -> None:
    assert error.code in codes


def _steer(work: Work, user: str, task: str, verb: str) -> None:
    match verb:
        case "pause":
            controls.pause(work, user, task)
        case "resume":
            controls.resume(work, RULES, user, task)
        case "cancel":
            controls.cancel(work, RULES, user, task)
        case "retry":
            controls.retry(work, RULES, user, task)
        case "reset":
            controls.reset(work, user, task)
        case _:
            controls.remove(work, RULES, user, task)


def _settle(work: Work, *, task_id: str) -> str:
    task = tasks.lock(work, task_id)
    assert task is not None
    return settling.settle(work, RULES, task)


def _every_task(work: Work) -> Sequence[Tasks]:
    return work.rows(select(table(Tasks)), Tasks)


def test_whatever_happens_the_contract_holds(migrated_sqlite: Path, tmp_path: Path) -> None:
    shutil.copyfile(migrated_sqlite, tmp_path / "everything.db")
    database = Database(f"sqlite:///{tmp_path / 'everything.db'}", lambda: Everything.now)

    @event.listens_for(database.engine, "connect")
    def _hurry(connection: Any, record: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")  # no power fails here

    class Here(Everything):
        shared = database

    bounds = settings(max_examples=60, stateful_step_count=40, deadline=None, database=None)
    run_state_machine_as_test(Here, settings=settings(bounds, suppress_health_check=list(HealthCheck)))
    database.engine.dispose()
