"""Progress in memory: callbacks are answered from here and written together, some four times a second.

A callback a second from every attempt would otherwise be a transaction each. Only what may be lost in a crash is kept
here; accepting, ending and every move are written before they are answered.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from coordinator.domain.news import AttemptEnded, AttemptStopping
from coordinator.services import settling
from coordinator.services.outcomes import Command, Mark, progress_values
from coordinator.services.rules import Rules
from coordinator.store import attempts, tasks
from coordinator.store.tables import Attempts
from coordinator.store.work import Work
from protocol.reports import TERMINAL, Callback
from protocol.states import AttemptState

FLUSH_S = 0.25
TRUST_S = 5.0
"""An attempt that no flush has confirmed for so long is looked up again."""


@dataclass(slots=True)
class _Live:
    interface_id: str
    task_id: str
    mark: Mark
    seq: int
    confirmed_at: float
    latest: Callback | None = None
    command: Command = "continue"


@dataclass(frozen=True, slots=True)
class Entry:
    """A callback to be written, and how far its attempt was before."""

    callback: Callback
    interface_id: str
    task_id: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Written:
    """What a flush found: attempts that run no more, and attempts that should stop."""

    lost: tuple[str, ...]
    stopping: tuple[str, ...]


class ProgressBook:
    """Attempts that run, as this process last saw them. `monotonic` is handed in so that tests own time."""

    def __init__(self, rules: Rules, monotonic: Callable[[], float]) -> None:
        self._rules = rules
        self._monotonic = monotonic
        self._live: dict[str, _Live] = {}

    def answer(self, interface_id: str, callback: Callback) -> Command | None:
        """Take a progress callback of an attempt that is known to run; None: ask the database."""
        live = self._live.get(callback.attempt_id)
        if callback.kind in TERMINAL or live is None or live.interface_id != interface_id:
            return None
        if self._monotonic() - live.confirmed_at > TRUST_S:
            return None
        if callback.seq > live.seq:
            live.seq, live.latest = callback.seq, callback
        return live.command

    def remember(self, attempt: Attempts) -> None:
        """The database says that this attempt runs."""
        mark = Mark(attempt.stage, attempt.stage_done, attempt.frames_done)
        live = _Live(attempt.interface_id, attempt.task_id, mark, attempt.seq, self._monotonic())
        self._live[attempt.id] = live

    def hear(self, news: object) -> None:
        """Learn what a committed unit did: stop at the next callback, or forget."""
        if isinstance(news, AttemptStopping) and news.attempt_id in self._live:
            self._live[news.attempt_id].command = "cancel"
        elif isinstance(news, AttemptEnded):
            self._live.pop(news.attempt_id, None)

    def pending(self) -> list[Entry]:
        """Take what is to be written."""
        entries = []
        for live in self._live.values():
            if live.latest is not None:
                entries.append(Entry(live.latest, live.interface_id, live.task_id, live.mark))
                live.latest = None
        return entries

    def settle(self, entries: Sequence[Entry], written: Written) -> None:
        """After the commit: what was written is confirmed, what runs no more is forgotten."""
        now = self._monotonic()
        for entry in entries:
            key = entry.callback.attempt_id
            live = self._live.get(key)
            if key in written.lost:
                self._live.pop(key, None)
            elif live is not None:
                live.confirmed_at = now
                live.mark = Mark(entry.callback.stage, entry.callback.done, entry.callback.frames_done)
                if key in written.stopping:
                    live.command = "cancel"


def write(work: Work, rules: Rules, entries: Sequence[Entry]) -> Written:
    """Write callbacks and what their tasks have reached, in one unit: a COMMIT a flush. An attempt that stops only
    has its lease renewed."""
    touched = [task for key in sorted({entry.task_id for entry in entries}) if (task := tasks.lock(work, key))]
    written = _write_attempts(work, rules, entries)
    for task in touched:
        settling.refresh_progress(work, task)
    return written


def _write_attempts(work: Work, rules: Rules, entries: Sequence[Entry]) -> Written:
    lost, stopping = [], []
    for entry in entries:
        key, callback = entry.callback.attempt_id, entry.callback
        values = progress_values(work.now, rules, entry.mark, callback)
        if attempts.progress(work, key, callback.seq, values):
            continue
        row = attempts.get(work, key)
        if row is None or row.state not in (AttemptState.RUNNING, AttemptState.STOPPING):
            lost.append(key)
        elif row.state == AttemptState.STOPPING:
            attempts.renew(work, entry.interface_id, [key], work.now + rules.lease_s)
            stopping.append(key)
    return Written(tuple(lost), tuple(stopping))
