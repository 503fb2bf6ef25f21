"""What a committed unit may do to rows: which moves there are, under whose lock, and what must be true afterwards."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from scripts.faults.inline_store import Change, Row

if TYPE_CHECKING:
    from scripts.faults.ledger import Ledger

MAX_FAILURES: Final = 3
MAX_LOSSES: Final = 6
RACERS: Final = 1
"""A step is not given up while another attempt races for it, which may be lost, too. No step that failed is raced."""
MOST_ATTEMPTS: Final = 80
HELD: Final = frozenset({"offered", "running", "reported"})
ON_NODE: Final = frozenset({"offered", "running", "stopping"})
OVER: Final = frozenset({"completed", "failed", "rejected", "lost", "released", "cancelled"})
ATTEMPTS: Final[Mapping[str, frozenset[str]]] = {
    "nothing": frozenset({"offered"}),
    "offered": frozenset({"running", "reported", "failed", "rejected", "lost", "released", "stopping"}),
    "running": frozenset({"reported", "failed", "lost", "released", "stopping"}),
    "reported": frozenset({"completed", "failed", "cancelled"}),
    "stopping": frozenset({"cancelled"}),
    **{state: frozenset() for state in OVER},
}
STEPS: Final[Mapping[str, frozenset[str]]] = {
    "nothing": frozenset({"pending"}),
    "pending": frozenset({"running", "dead"}),
    "running": frozenset({"pending", "done", "dead"}),
    "done": frozenset(),
    "dead": frozenset(),
}
TASKS: Final[Mapping[str, frozenset[str]]] = {
    "nothing": frozenset({"idle", "source_selected"}),
    "source_selected": frozenset({"waiting", "cancelled", "ready"}),
    "waiting": frozenset({"processing", "paused", "failed", "cancelled", "completed"}),
    "processing": frozenset({"waiting", "paused", "failed", "cancelled", "completed"}),
    "paused": frozenset({"waiting", "failed", "cancelled", "completed", "processing"}),
    "failed": frozenset({"waiting", "processing", "completed"}),
    "cancelled": frozenset({"waiting", "processing", "completed", "failed"}),
    "completed": frozenset(),
}
"""From failed and cancelled only by a retry, whose unit may settle at once."""
STALE: Final = ("state", "seq", "stage", "stage_done", "frames_done", "lease_until", "outcome", "error")
"""What no message may change of an attempt that is over."""


def judge(ledger: "Ledger", changes: Sequence[Change]) -> None:
    """Everything that one unit did."""
    retried = {c.row["id"] for c in changes if c.table == "tasks" and _retried(c)}
    _locks(ledger, changes)
    for change in changes:
        if change.table == "attempts":
            _attempt(ledger, change)
        elif change.table == "steps":
            _step(ledger, change, change.row["task_id"] in retried)
        elif change.table == "tasks":
            _task(ledger, change)
    touched = {c.row["step_id"] for c in changes if c.table == "attempts"}
    touched |= {c.row["id"] for c in changes if c.table == "steps"}
    for key in sorted(touched):
        if key in ledger.rows["steps"]:
            _whole(ledger, ledger.rows["steps"][key])
    for node in sorted({c.row["interface_id"] for c in changes if c.table == "attempts"}):
        _slots(ledger, node)


def _retried(change: Change) -> bool:
    before, after = change.before, change.after
    return (
        before is not None
        and after is not None
        and before["state"] in {"failed", "cancelled"}
        and (after["state"] not in {"failed", "cancelled"})
    )


def _locks(ledger: "Ledger", changes: Sequence[Change]) -> None:
    """A step or attempt moves under its task's lock; no unit locks its first task after a node's row."""
    locked: set[str] = set()
    nodes = False
    for change in changes:
        row = change.row
        if change.table == "tasks":
            if change.before is None or row["version"] > change.before["version"]:
                if nodes and not locked:
                    ledger.found(f"{ledger.name('tasks', row['id'])} was locked after a node's row")
                locked.add(row["id"])
        elif change.table == "interfaces":
            nodes = nodes or change.before is not None
        elif change.table in {"steps", "attempts"} and _moved(change) and _is_free(ledger, row["task_id"], locked):
            ledger.found(f"{ledger.name(change.table, row['id'])} moved without its task's lock")


def _is_free(ledger: "Ledger", task_id: str, locked: Collection[str]) -> bool:
    """Whether the task is there, and anybody else could change it in this moment."""
    return task_id in ledger.rows["tasks"] and task_id not in locked


def _moved(change: Change) -> bool:
    before, after = change.before, change.after
    return before is None or after is None or before["state"] != after["state"]


def _edge(ledger: "Ledger", change: Change, known: Mapping[str, frozenset[str]]) -> None:
    was = change.before["state"] if change.before is not None else "nothing"
    now = change.after["state"] if change.after is not None else "nothing"
    if was != now and now != "nothing" and now not in known.get(was, frozenset()):
        ledger.found(f"{ledger.name(change.table, change.row['id'])} went from {was} to {now}")


def _attempt(ledger: "Ledger", change: Change) -> None:
    before, after = change.before, change.after
    _edge(ledger, change, ATTEMPTS)
    if before is None or after is None:
        return
    name = ledger.name("attempts", after["id"])
    if before["state"] in OVER and any(before[column] != after[column] for column in STALE):
        wrote = [column for column in STALE if before[column] != after[column]]
        ledger.found(f"{name} was {before['state']}, and then {', '.join(wrote)} changed: a stale writer")
    if before["state"] == after["state"]:
        return
    if after["state"] == "completed" and after["id"] not in ledger.probed:
        ledger.found(f"{name} was completed before anybody looked at its bytes")
    if after["state"] == "lost":
        _lost(ledger, name, after)


def _lost(ledger: "Ledger", name: str, row: Row) -> None:
    code = (json.loads(row["error"] or "null") or {}).get("code")
    silent = ledger.machine.elapsed - ledger.heard_at.get(row["id"], -1e9)
    if code == "lease_expired" and silent < ledger.lease_s / 2:
        ledger.found(f"the lease of {name} ended {silent:.3f} s after a coordinator heard of it")
    if code == "node_lost" and row["boot_id"] is not None and ledger.boots.get(row["interface_id"]) == row["boot_id"]:
        ledger.found(f"{name} was taken from the same boot that works on it")


def _step(ledger: "Ledger", change: Change, retried: bool) -> None:
    before, after = change.before, change.after
    if after is None:
        return
    name = ledger.name("steps", after["id"])
    again = before is not None and before["state"] in {"dead", "done"} and after["state"] == "pending"
    if not (retried and again):
        _edge(ledger, change, STEPS)
    if before is not None and before["winner"] is not None and after["winner"] != before["winner"] and not retried:
        ledger.found(f"{name} got another winner")
    if after["failures"] > MAX_FAILURES or after["losses"] > MAX_LOSSES + RACERS:
        ledger.found(f"{name} failed {after['failures']} and was lost {after['losses']} times")


def _task(ledger: "Ledger", change: Change) -> None:
    before, after = change.before, change.after
    _edge(ledger, change, TASKS)
    if before is None or after is None:
        return
    name = ledger.name("tasks", after["id"])
    if after["progress"] < before["progress"]:
        ledger.found(f"the progress of {name} fell from {before['progress']:.1f} to {after['progress']:.1f}")
    if not 0 <= after["frames_done"] <= after["frames_total"]:
        ledger.found(f"{name} has done {after['frames_done']} of {after['frames_total']} frames")


def _whole(ledger: "Ledger", step: Row) -> None:
    """What is true of a step whenever a unit has ended."""
    name, tried = ledger.name("steps", step["id"]), ledger.of_step(step["id"])
    held = [row for row in tried if row["state"] in HELD]
    completed = [row["id"] for row in tried if row["state"] == "completed"]
    if (step["state"] == "running") != bool(held):
        ledger.found(f"{name} is {step['state']} and held by {len(held)} attempts")
    if len(held) > 2:
        ledger.found(f"{name} is held by {len(held)} attempts")
    if (step["state"] == "done") != (step["winner"] is not None):
        ledger.found(f"{name} is {step['state']} with winner {step['winner'] is not None}")
    if step["winner"] is not None and completed != [step["winner"]]:
        ledger.found(f"{name} was completed by {len(completed)} attempts")
    if len(tried) > MOST_ATTEMPTS:
        ledger.found(f"{name} was tried {len(tried)} times")


def _slots(ledger: "Ledger", node: str) -> None:
    """A node holds no more than its slots, and one joining beside them."""
    mine = [row for row in ledger.rows["attempts"].values() if row["interface_id"] == node and row["state"] in ON_NODE]
    kinds = [ledger.rows["steps"].get(row["step_id"], {}).get("kind") for row in mine]
    light = kinds.count("assemble")
    if light > 1 or len(mine) - light > ledger.slots.get(node, 64):
        ledger.found(f"a node of {ledger.slots.get(node)} slots holds {len(mine)} attempts, {light} of them joinings")
