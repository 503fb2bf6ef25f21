"""Statements on artifacts (files that attempts send up) and results (what a completed task offers)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from coordinator.store.schema import row_of, table
from coordinator.store.tables import Artifacts, Results, Steps
from coordinator.store.work import Work

_artifacts = table(Artifacts)
_results = table(Results)
_steps = table(Steps)
_BEGIN, _OFFER = insert(_artifacts), insert(_results)
_THIS = (_artifacts.c.attempt_id == bindparam("attempt")) & (_artifacts.c.output == bindparam("what"))
_GET = select(_artifacts).where(_THIS)
_OF_ATTEMPT = select(_artifacts).where(_artifacts.c.attempt_id == bindparam("attempt"))
_FINISH = update(_artifacts).where(_THIS, _artifacts.c.completed_at.is_(None)).values(completed_at=bindparam("at"))
_CLAIM = update(_artifacts).where(_THIS).values(sha256=bindparam("said"))
_CLASSIFY = update(_artifacts).where(_THIS).values(content_type=bindparam("found"))
_OF_WINNERS = (
    select(_artifacts)
    .join(_steps, _steps.c.winner == _artifacts.c.attempt_id)
    .where(_steps.c.task_id == bindparam("task"))
)
_DROP = delete(_results).where(_results.c.task_id == bindparam("task"))
_OF_TASK = select(_results).where(_results.c.task_id == bindparam("task"))


def get(work: Work, attempt_id: str, output: str) -> Artifacts | None:
    """One artifact, or None."""
    return work.row(_GET, Artifacts, {"attempt": attempt_id, "what": output})


def of_attempt(work: Work, attempt_id: str) -> Sequence[Artifacts]:
    """The artifacts of an attempt."""
    return work.rows(_OF_ATTEMPT, Artifacts, {"attempt": attempt_id})


def of_task(work: Work, task_id: str) -> Sequence[Artifacts]:
    """The artifacts of all attempts of a task."""
    return work.rows(select(_artifacts).where(_artifacts.c.task_id == task_id), Artifacts)


def of_winners(work: Work, task_id: str) -> Sequence[Artifacts]:
    """What the winners of a task's steps made, in no order."""
    return work.rows(_OF_WINNERS, Artifacts, {"task": task_id})


def begin(work: Work, values: dict[str, Any]) -> None:
    """Insert an artifact before its first byte is kept, so that no file is ever without a row."""
    work.run(_BEGIN, row_of(Artifacts, values))


def finish(work: Work, attempt_id: str, output: str) -> None:
    """All bytes are durable."""
    work.run(_FINISH, {"attempt": attempt_id, "what": output, "at": work.now})


def claim(work: Work, attempt_id: str, output: str, sha256: str) -> None:
    """What the node says that the bytes hash to; the verifier compares."""
    work.run(_CLAIM, {"attempt": attempt_id, "what": output, "said": sha256})


def classify(work: Work, attempt_id: str, output: str, content_type: str) -> None:
    """Write what the verifier found the file to be."""
    work.run(_CLASSIFY, {"attempt": attempt_id, "what": output, "found": content_type})


def forget(work: Work, task_id: str) -> None:
    """Delete the artifacts and results of a task."""
    work.execute(delete(_results).where(_results.c.task_id == task_id))
    work.execute(delete(_artifacts).where(_artifacts.c.task_id == task_id))


def forget_attempt(work: Work, attempt_id: str) -> None:
    """Delete the artifacts of one attempt."""
    work.execute(delete(_artifacts).where(_artifacts.c.attempt_id == attempt_id))


def add_result(work: Work, values: dict[str, Any]) -> None:
    """Offer an artifact as a result of its task."""
    work.run(_OFFER, row_of(Results, values))


def drop_results(work: Work, task_id: str) -> None:
    """Take the results of a task back, before a reset."""
    work.run(_DROP, {"task": task_id})


def results(work: Work, task_ids: Sequence[str]) -> Sequence[Results]:
    """The results of these tasks."""
    if len(task_ids) < 2:
        return [row for key in task_ids for row in work.rows(_OF_TASK, Results, {"task": key})]
    return work.rows(select(_results).where(_results.c.task_id.in_(list(task_ids))), Results)


def result(work: Work, task_id: str, output: str) -> Results | None:
    """One result, or None."""
    where = (_results.c.task_id == task_id) & (_results.c.output == output)
    return work.row(select(_results).where(where), Results)
