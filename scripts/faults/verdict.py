"""What must be true when a run has ended: every accepted task accounted for, every result whole and from its winner."""

import json
from collections import Counter
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from coordinator.store.schema import table
from coordinator.store.tables import Results, Steps, Tasks
from coordinator.store.work import Work
from scripts.faults import moves

if TYPE_CHECKING:
    from scripts.faults.ledger import Ledger
    from scripts.faults.world import World

LIVE: Final = ("offered", "running", "reported", "stopping")


def counts(ledger: "Ledger") -> dict[str, int]:
    """Tasks by state."""
    return dict(sorted(Counter(str(row["state"]) for row in ledger.rows["tasks"].values()).items()))


def unsettled(ledger: "Ledger") -> str:
    """The tasks that have neither ended nor been paused by their user, and outcomes that nobody took; empty: none."""
    open_tasks = [
        f"{ledger.name('tasks', key)} is {row['state']}"
        for key, row in ledger.rows["tasks"].items()
        if not (
            row["state"] in {"completed", "failed", "cancelled"} or (row["state"] == "paused" and _paused(ledger, key))
        )
    ]
    held = [
        f"{ledger.name('attempts', k)} is {r['state']}"
        for k, r in ledger.rows["attempts"].items()
        if r["state"] in LIVE
    ]
    letters = [f"the outcome of {ledger.name('attempts', key)} waits on {node}" for key, node in ledger.letters.items()]
    return ", ".join(open_tasks + held + letters)


def _paused(ledger: "Ledger", task_id: str) -> bool:
    return "pause" in ledger.asked.get(task_id, ())


def judge(world: "World") -> None:
    """Read the rows once more, as somebody who was not there."""
    ledger = world.ledger
    left = unsettled(ledger)
    if left:
        ledger.found(f"at the end {left}")
    world.estate.store.look(world.machine.time, lambda work: _judge(world, work))
    ledger.note(f"end {counts(ledger)}")


def _judge(world: "World", work: Work) -> None:
    ledger = world.ledger
    rows = {task.id: task for task in work.rows(select(table(Tasks)), Tasks)}
    results: dict[str, list[Results]] = {}
    for result in work.rows(select(table(Results)), Results):
        results.setdefault(result.task_id, []).append(result)
    for key in ledger.rows["tasks"].keys() - rows.keys():
        ledger.found(f"{ledger.name('tasks', key)} is lost")
    for key, task in rows.items():
        steps = [step for step in work.rows(select(table(Steps)), Steps) if step.task_id == key]
        _task(world, task, steps, results.pop(key, []))


def _task(world: "World", task: Tasks, steps: list[Steps], results: list[Results]) -> None:
    ledger, name = world.ledger, world.ledger.name("tasks", task.id)
    if (task.progress == 100) != (task.state == "completed"):
        ledger.found(f"{name} is {task.state} at {task.progress} percent")
    if task.state == "cancelled" and "cancel" not in ledger.asked.get(task.id, ()):
        ledger.found(f"{name} was cancelled by nobody")
    if task.state == "failed" and not any(_given_up(ledger, step) for step in steps):
        ledger.found(f"{name} failed without a reason: {task.error}")
    if (task.state == "completed") != bool(results):
        ledger.found(f"{name} is {task.state} and has {len(results)} results")
    if task.state == "completed":
        _results(world, task, steps, results)


def _given_up(ledger: "Ledger", step: Steps) -> bool:
    """Whether a dead step has been tried as often as the contract says, or nobody can do it."""
    if step.state != "dead":
        return False
    tried = ledger.of_step(step.id)
    classes = Counter((json.loads(row["error"] or "null") or {}).get("error_class") for row in tried)
    refused = [row for row in tried if row["state"] == "rejected" and row["error"]]
    worn = step.failures >= moves.MAX_FAILURES or step.losses >= moves.MAX_LOSSES
    return worn or classes["input"] >= 1 or bool(refused)


def _results(world: "World", task: Tasks, steps: list[Steps], results: list[Results]) -> None:
    """The results are the last step's winner's, and made of every other step's winner, in order."""
    ledger, name = world.ledger, world.ledger.name("tasks", task.id)
    segments = sorted((step for step in steps if step.kind != "assemble"), key=lambda step: step.ord)
    last = next((step for step in steps if step.kind == "assemble"), segments[-1])
    if (len(segments) > 1) != (last.kind == "assemble"):
        ledger.found(f"{name} has {len(segments)} segments and ends with {last.kind}")
    if sorted(result.output for result in results) != sorted(task.outputs):
        ledger.found(f"{name} offers {[result.output for result in results]}")
    for result in results:
        found = world.shelf.get((result.attempt_id, result.output))
        makers = tuple(step.winner for step in segments)
        if result.attempt_id != last.winner:
            ledger.found(f"a result of {name} is not of its last step's winner")
        if found is None or found.frames != task.frames_total or found.sha256 != result.sha256:
            ledger.found(f"a result of {name} is wrong: {found} for {task.frames_total} frames")
        elif found.made_by != makers:
            ledger.found(f"a result of {name} is not made of the winners of its steps")
