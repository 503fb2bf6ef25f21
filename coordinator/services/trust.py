"""What the end of an attempt means for its node and its task: strikes, quarantine, trials, suspects, full disks.

Called under the task's lock by the verbs that end attempts, last in their units: a node's row is locked after all
others.
"""

from typing import Any

from coordinator.domain import trust
from coordinator.domain.admission import Verb, move, quarantine_s
from coordinator.domain.lifecycle import AttemptVerb
from coordinator.domain.news import InterfaceChanged, QueueChanged
from coordinator.errors import Overloaded
from coordinator.store import audit, events, interfaces, strikes, tasks
from coordinator.store.schema import Json
from coordinator.store.tables import Attempts, Interfaces, Steps, Tasks
from coordinator.store.work import Work
from protocol.base import InterfaceId
from protocol.states import Admission

CLEAN: Json = {"strikes": 0, "quarantine_level": 0, "quarantined_until": None}
"""Columns of a node that is believed."""


def charged(attempt: Attempts, charge: str | None, error: Json | None) -> str | None:
    """What an end costs the step: a trial costs it nothing, and neither does a disk that was full."""
    if attempt.probation or (error is not None and error.get("code") == trust.DISK_FULL):
        return None
    return charge


def weight(task: Tasks, attempt: Attempts, verb: AttemptVerb, error: Json | None) -> str | None:
    """How an end enters its node's record."""
    if verb is not AttemptVerb.FAIL or attempt.probation:
        return None
    given = error or {}
    return trust.weigh(given.get("error_class", ""), given.get("code", ""), bool(task.suspect))


def ended(work: Work, task: Tasks, attempt: Attempts, verb: AttemptVerb, error: Json | None) -> None:
    """An attempt ended without a result, and its row says so already: judge its node."""
    given = error or {}
    if verb is AttemptVerb.FAIL and given.get("code") == trust.DISK_FULL:
        _disk_was_full(work, attempt)
    if attempt.probation:
        _failed_trial(work, attempt, verb, given)
    elif verb is AttemptVerb.RELEASE:
        _handed_back(work, attempt)
    elif weight(task, attempt, verb, error) == trust.Weight.OPEN:
        for interface_id in sorted({attempt.interface_id, *strikes.nodes_with(work, task.id)}):
            _judge(work, interface_id)


def verified(work: Work, task: Tasks, step: Steps, attempt: Attempts) -> None:
    """A result was verified: its node is believed, its task is no suspect, and nodes that failed the same step have
    no excuse."""
    strikes.forgive(work, attempt.interface_id)
    if attempt.probation:
        readmit(work, attempt.interface_id)
    if task.suspect:
        tasks.change(work, task.id, suspect=False)
        work.announce(QueueChanged())
    if step.failures:
        for interface_id in sorted(strikes.prove(work, step.id, attempt.interface_id)):
            _judge(work, interface_id)


def distrust(work: Work, interface_id: str, reason: str) -> None:
    """A node failed too often, or failed its trial: quarantine it, or for twice as long as before. A node that is
    neither approved nor quarantined stays what it is."""
    _steer(work, interface_id, Verb.QUARANTINE, longer, reason=reason)


def readmit(work: Work, interface_id: str) -> None:
    """A result of a node in quarantine was verified: it works again, and its record is clean."""
    row = interfaces.get(work, interface_id)
    if row is not None and row.admission == Admission.QUARANTINED:
        strikes.clear(work, interface_id)
        _steer(work, interface_id, Verb.READMIT, lambda _work, _row: CLEAN, reason="its trial went well")


def longer(work: Work, row: Interfaces) -> dict[str, Any]:
    """The next quarantine lasts twice as long."""
    level = row.quarantine_level + 1
    return {"quarantine_level": level, "quarantined_until": work.now + quarantine_s(level)}


def _judge(work: Work, interface_id: str) -> None:
    record = strikes.of_node(work, interface_id)
    elsewhere = strikes.failed_elsewhere(work, interface_id, {strike.task_id for strike in record})
    verdict = trust.judge(record, elsewhere)
    row = interfaces.get(work, interface_id)
    if row is None:
        return
    interfaces.note(work, interface_id, strikes=verdict.strikes)
    if verdict.distrusted and row.admission == Admission.APPROVED:
        distrust(work, interface_id, f"the last {verdict.strikes} steps failed here")
    if not verdict.distrusted and row.strikes >= trust.STRIKES and row.admission == Admission.QUARANTINED:
        cleared = {**CLEAN, "strikes": verdict.strikes}
        _steer(work, interface_id, Verb.READMIT, lambda _work, _row: cleared, reason="its tasks failed elsewhere, too")
    for task_id in sorted(verdict.suspects):
        _suspect(work, task_id)


def _suspect(work: Work, task_id: str) -> None:
    """Failures of this task say nothing about nodes; it runs one step at a time until one succeeds or it fails."""
    accused = strikes.nodes_with(work, task_id)
    strikes.strike_off(work, task_id)
    task = tasks.get(work, task_id)
    if task is not None and not task.suspect:
        tasks.change(work, task_id, suspect=True)
        events.record(work, "suspect", task_id, task.user_id)
    for interface_id in sorted(accused):
        _judge(work, interface_id)


def _failed_trial(work: Work, attempt: Attempts, verb: AttemptVerb, error: Json) -> None:
    row = interfaces.get(work, attempt.interface_id)
    if row is None or row.admission != Admission.QUARANTINED:
        return
    guilty = trust.weigh(error.get("error_class", ""), error.get("code", ""), suspect=False) is not None
    if verb in (AttemptVerb.FAIL, AttemptVerb.LOSE) and guilty:
        distrust(work, row.id, "it failed its trial")
    else:
        interfaces.note(work, row.id, quarantined_until=work.now + quarantine_s(row.quarantine_level))


def _handed_back(work: Work, attempt: Attempts) -> None:
    """A node that drains gets nothing anyway; another one that hands back again and again must wait."""
    seconds = _rest_s(work, attempt)
    if seconds:
        interfaces.note(work, attempt.interface_id, rest_until=work.now + seconds)


def _rest_s(work: Work, attempt: Attempts) -> float:
    return trust.rest_s(strikes.uncharged(work, attempt.interface_id, work.now - trust.UNCHARGED_S))


def _disk_was_full(work: Work, attempt: Attempts) -> None:
    row = interfaces.get(work, attempt.interface_id)
    if row is None:
        return
    # what it said of its disk before is over; its next heartbeat says what is true now
    free = None if row.disk_free_mb is None else 0
    interfaces.note(work, row.id, rest_until=work.now + max(1.0, _rest_s(work, attempt)), disk_free_mb=free)
    work.announce(InterfaceChanged(InterfaceId(row.id)))


def _steer(work: Work, interface_id: str, verb: Verb, values: Any, **said: Any) -> None:
    """Move a node as the fleet's own judgement says, and write it down. A verb that its state refuses does nothing."""
    for _ in range(3):
        row = interfaces.get(work, interface_id)
        if row is None or move(verb, interfaces.standing(row)) is None:
            return
        if interfaces.shift(work, row, verb, **values(work, row)):
            audit.record(work, f"interface.{verb}", actor=audit.SYSTEM, target=row.id, name=row.name, **said)
            work.announce(InterfaceChanged(InterfaceId(row.id)))
            work.announce(QueueChanged())
            return
    raise Overloaded("the node moved meanwhile; try again")
