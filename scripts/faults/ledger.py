"""The execution ledger of a run: a mirror of the rows, and what really happened on the nodes beside it.

It knows the contract by itself, not by the product's tables, so that a mistake there is no mistake here.
"""

import hashlib
import json
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from coordinator.store.work import Work
from protocol.interfaces import Heartbeat, HeartbeatReply
from protocol.reports import Callback, CallbackReply
from protocol.work import Assignment
from scripts.faults import moves
from scripts.faults.inline_store import Change, Row
from scripts.faults.virtual_time import Machine

MOST_FINDINGS: Final = 20
PREFIX: Final = {"tasks": "task", "steps": "step", "attempts": "attempt"}


@dataclass
class Ledger:
    """`rows` mirrors the watched tables by id. `findings` are the sentences of the contract that were broken."""

    machine: Machine
    lease_s: float
    slots: dict[str, int] = field(default_factory=dict)
    boots: dict[str, str] = field(default_factory=dict)
    identities: dict[str, str] = field(default_factory=dict)
    rows: dict[str, dict[str, Row]] = field(default_factory=lambda: {name: {} for name in PREFIX})
    findings: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    heard_at: dict[str, float] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)
    ran_on: dict[str, list[str]] = field(default_factory=dict)
    assigned: dict[str, Assignment] = field(default_factory=dict)
    probed: set[str] = field(default_factory=set)
    letters: dict[str, str] = field(default_factory=dict)
    asked: dict[str, list[str]] = field(default_factory=dict)
    units: int = 0
    _ordinals: dict[str, str] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    def found(self, sentence: str) -> None:
        """Something that must not be."""
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(f"{self.machine.elapsed:.3f} s: {sentence}")
        self.note(f"FOUND {sentence}")

    def crashed(self, who: str, error: BaseException) -> None:
        """An error that nobody expected."""
        text = "".join(traceback.format_exception(error))
        self.found(f"{who} broke: {text}")

    def note(self, words: str) -> None:
        """A line of the log, which the hash is made of."""
        self.log.append(f"{self.machine.elapsed:.6f} {words}")

    @property
    def hash(self) -> str:
        """Equal runs have equal hashes."""
        return hashlib.sha256("\n".join(self.log).encode()).hexdigest()[:16]

    def name(self, table: str, key: str) -> str:
        """`attempt 12`: the twelfth that was seen."""
        if key not in self._ordinals:
            self._counts[table] = self._counts.get(table, 0) + 1
            self._ordinals[key] = f"{PREFIX[table]} {self._counts[table]}"
        return self._ordinals[key]

    def watch(self, work: Work, changes: Sequence[Change]) -> None:
        """A committed unit: mirror it, then judge it."""
        self.units += 1
        for change in changes:
            if change.table in PREFIX:
                self._mirror(change)
        moves.judge(self, changes)

    def _mirror(self, change: Change) -> None:
        key, before, after = change.row["id"], change.before, change.after
        name = self.name(change.table, key)
        if after is None:
            self.rows[change.table].pop(key, None)
        else:
            self.rows[change.table][key] = after
        was = before["state"] if before is not None else "nothing"
        now = after["state"] if after is not None else "nothing"
        if was != now:
            error = json.loads((after or {}).get("error") or "null") or {}
            self.note(f"{name} {was} -> {now} {error.get('code', '')}".rstrip())

    def of_step(self, step_id: str) -> list[Row]:
        """Every attempt of a step."""
        return [row for row in self.rows["attempts"].values() if row["step_id"] == step_id]

    # what really happened

    def joined(self, node: str, interface_id: str, boot_id: str, slots: int) -> None:
        """A node's process registered. Whoever has a disk stays who it was."""
        if self.identities.setdefault(node, interface_id) != interface_id:
            self.found(f"{node} joined as a stranger")
            self.identities[node] = interface_id
        self.boots[interface_id], self.slots[interface_id] = boot_id, slots

    def died(self, interface_id: str) -> None:
        """A node's process ended."""
        self.boots.pop(interface_id, None)

    def began(self, node: str, boot_id: str, assignment: Assignment) -> None:
        """A node's process begins to work on an attempt. It must do so once."""
        key = str(assignment.attempt_id)
        self.assigned[key] = assignment
        boots = self.ran_on.setdefault(key, [])
        if boot_id in boots:
            self.found(f"{boot_id} began {self.name('attempts', key)} twice")
        boots.append(boot_id)
        self.note(f"{node} begins {self.name('attempts', key)}")

    def wrote(self, node: str, outcome: Callback) -> None:
        """A node wrote an outcome to its disk."""
        self.letters[str(outcome.attempt_id)] = node
        self.note(f"{node} keeps {outcome.kind} of {self.name('attempts', str(outcome.attempt_id))}")

    def acknowledged(self, attempt_id: str) -> None:
        """A coordinator took the outcome, or said that nobody waits for it."""
        self.letters.pop(str(attempt_id), None)

    def spoken(self, attempt_ids: Sequence[str]) -> None:
        """A coordinator took a message that names these attempts and wants more of them."""
        for key in attempt_ids:
            self.heard_at[str(key)] = self.machine.elapsed

    def called_back(self, body: bytes, answered: str) -> None:
        """A coordinator answered a callback."""
        message = Callback.model_validate_json(body)
        if (
            self._is_news(message.attempt_id, message.seq)
            and CallbackReply.model_validate_json(answered).command == "continue"
        ):
            self.spoken([message.attempt_id])

    def beaten(self, body: bytes, answered: str) -> None:
        """A coordinator answered a heartbeat."""
        message, reply = Heartbeat.model_validate_json(body), HeartbeatReply.model_validate_json(answered)
        unwanted = {command.attempt_id for command in reply.commands} | set(reply.unknown_attempts)
        if self._is_news(f"{message.interface_id} {message.boot_id}", message.seq):
            self.spoken([one.attempt_id for one in message.attempts if one.attempt_id not in unwanted])

    def _is_news(self, speaker: str, seq: int) -> bool:
        """Not a repeat, nor one that was overtaken: those prove no life, and renew nothing."""
        newer = seq > self.newest.get(speaker, -1)
        if newer:
            self.newest[speaker] = seq
        return newer

    def uploaded(self, attempt_id: str) -> None:
        """A coordinator takes bytes of an attempt, which must be one that may still write."""
        row = self.rows["attempts"].get(attempt_id)
        if row is None or row["state"] not in {"offered", "running"}:
            state = row["state"] if row is not None else "unknown"
            self.found(f"bytes of {self.name('attempts', attempt_id)} were taken, which is {state}")

    def examined(self, attempt_id: str) -> None:
        """A probe looked at what an attempt made."""
        self.probed.add(attempt_id)

    def user_asked(self, task_id: str, verb: str) -> None:
        """A user asks for something, whether or not that succeeds."""
        self.asked.setdefault(task_id, []).append(verb)
        self.note(f"user asks {verb} of {self.name('tasks', task_id)}")
