"""Statements on steps. The queue is the pending ones that are not held; `store.waits` reads it."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Integer, bindparam, case, delete, false, func, insert, select, true, update

from coordinator.domain.lifecycle import HELD
from coordinator.store import waits
from coordinator.store.schema import constants, guarded, row_of, table
from coordinator.store.tables import Attempts, Steps
from coordinator.store.work import Work
from protocol.states import StepState

_steps = table(Steps)
_attempts = table(Attempts)
_MINE = _steps.c.id == bindparam("key")
_ADD = insert(_steps)
_GET = select(_steps).where(_MINE)
_OF_TASK = (
    select(_steps).where(_steps.c.task_id == bindparam("task")).order_by(_steps.c.queue_rank.desc(), _steps.c.ord)
)
_WIN = (
    update(_steps)
    .where(_MINE, _steps.c.state == constants([StepState.RUNNING])[0], _steps.c.winner.is_(None))
    .values(state="done", winner=bindparam("attempt"), finished_at=bindparam("at"))
)
_TAKE = (
    update(_steps)
    .where(_MINE, _steps.c.state == constants([StepState.PENDING])[0])
    .values(state="running", tries=_steps.c.tries + 1)
)
_RACE = (
    update(_steps)
    .where(_MINE, _steps.c.state == constants([StepState.RUNNING])[0], _steps.c.winner.is_(None))
    .values(tries=_steps.c.tries + 1)
)
_PENDING = (
    select(_steps.c.id)
    .where(_steps.c.task_id == bindparam("task"), _steps.c.state == constants([StepState.PENDING])[0])
    .limit(1)
)
_HOLD = update(_steps).where(_steps.c.task_id == bindparam("task"), _steps.c.held == false()).values(held=true())
_CHARGE = (
    update(_steps)
    .where(_MINE)
    .values(
        failures=_steps.c.failures + bindparam("failed", type_=Integer()),
        losses=_steps.c.losses + bindparam("lost", type_=Integer()),
    )
)
_FURTHEST = (
    select(func.coalesce(func.max(_attempts.c.frames_done), 0))
    .where(_attempts.c.step_id == _steps.c.id, _attempts.c.state.in_(constants(HELD)))
    .scalar_subquery()
)
_FRAMES_DONE = select(
    func.sum(
        case(
            (_steps.c.state == constants([StepState.DONE])[0], _steps.c.frames),
            (_steps.c.frames < _FURTHEST, _steps.c.frames),
            else_=_FURTHEST,
        )
    )
).where(_steps.c.task_id == bindparam("task"))
ASSEMBLE_RANK: Final = waits.ASSEMBLE_RANK


def add(work: Work, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the steps of a task, and tell the queue of them."""
    whole = [row_of(Steps, row) for row in rows]
    if len(whole) > 1:
        work.execute(_ADD, whole)  # hundreds of segments in one message
    else:
        work.run(_ADD, whole[0])
    for key in {(row["user_id"], row["model"], row["queue_rank"], row["klass"]) for row in whole}:
        waits.note(work, *key)


def get(work: Work, step_id: str) -> Steps | None:
    """One step, or None."""
    return work.row(_GET, Steps, {"key": step_id})


def of_task(work: Work, task_id: str) -> Sequence[Steps]:
    """The steps of a task in the order of the video, `assemble` last."""
    return work.rows(_OF_TASK, Steps, {"task": task_id})


def remove_of(work: Work, task_id: str) -> None:
    """Delete the steps of a task that is reset or removed."""
    work.execute(delete(_steps).where(_steps.c.task_id == task_id))


def remove(work: Work, step_id: str) -> None:
    """Delete one step: what it would have joined is not there any more."""
    work.execute(delete(_steps).where(_steps.c.id == step_id))


def take(work: Work, step_id: str) -> bool:
    """pending -> running, at the claim; False when somebody else was faster."""
    return work.run(_TAKE, {"key": step_id}) == 1


def race(work: Work, step_id: str) -> bool:
    """A second attempt on a running step that nobody has won; the caller holds the task's lock and counts attempts."""
    return work.run(_RACE, {"key": step_id}) == 1


def any_pending(work: Work, task_id: str) -> bool:
    """Whether any step of a task still waits."""
    return work.scalar(_PENDING, {"task": task_id}) is not None


def tried_before(work: Work) -> Sequence[Steps]:
    """Waiting steps that a node has had or refused before."""
    where = (_steps.c.state == StepState.PENDING.value) & _steps.c.held.is_(False) & (_steps.c.tries > 0)
    return work.rows(select(_steps).where(where), Steps)


def put_back(work: Work, step_id: str, not_before: float) -> bool:
    """running -> pending, when the last live attempt ended without a result."""
    values = {"state": StepState.PENDING.value, "not_before": not_before}
    if work.run(*guarded(_steps, step_id, [StepState.RUNNING], values)) != 1:
        return False
    step = get(work, step_id)
    if step is not None:
        waits.note(work, step.user_id, step.model, step.queue_rank, step.klass)
    return True


def win(work: Work, step_id: str, attempt_id: str) -> bool:
    """running -> done, once: the fence that makes a second completion impossible."""
    return work.run(_WIN, {"key": step_id, "attempt": attempt_id, "at": work.now}) == 1


def kill(work: Work, step_id: str) -> bool:
    """pending | running -> dead: the step is given up."""
    alive = [StepState.PENDING, StepState.RUNNING]
    return work.run(*guarded(_steps, step_id, alive, {"state": StepState.DEAD.value})) == 1


def charge(work: Work, step_id: str, *, failures: int = 0, losses: int = 0) -> None:
    """Count an attempt that ended badly."""
    work.run(_CHARGE, {"key": step_id, "failed": failures, "lost": losses})


def revive(work: Work, task_id: str) -> None:
    """dead -> pending and counts zeroed, for a retry; finished steps keep their winners."""
    mine = _steps.c.task_id == task_id
    fresh = {"failures": 0, "losses": 0, "tries": 0, "not_before": 0.0, "queued_at": work.now}
    work.execute(update(_steps).where(mine).values(fresh))
    dead = mine & (_steps.c.state == StepState.DEAD.value)
    work.execute(update(_steps).where(dead).values(state=StepState.PENDING.value))


def reopen(work: Work, step_id: str, winner: str) -> bool:
    """done -> pending, for a retry after what the winner made was removed with the parts of ended tasks."""
    where = (_steps.c.id == step_id) & (_steps.c.winner == winner)
    values = {"state": StepState.PENDING.value, "winner": None, "finished_at": None}
    return work.changed(update(_steps).where(where).values(values)) == 1


def rank(work: Work, task_id: str, *, priority: int | None = None, klass: int | None = None) -> None:
    """Move a task's steps in the queue."""
    lag = None if priority is None else -priority
    values = {name: value for name, value in (("lag", lag), ("klass", klass)) if value is not None}
    if values:
        work.execute(update(_steps).where(_steps.c.task_id == task_id).values(values))
        _note(work, task_id)


def hold(work: Work, task_id: str) -> None:
    """Take a task's steps out of the queue: it is paused or over."""
    work.run(_HOLD, {"task": task_id})


def release(work: Work, task_id: str) -> None:
    """Put a task's steps into the queue again."""
    work.execute(update(_steps).where(_steps.c.task_id == task_id, _steps.c.held.is_(True)).values(held=False))
    _note(work, task_id)


def _note(work: Work, task_id: str) -> None:
    columns = (_steps.c.user_id, _steps.c.model, _steps.c.queue_rank, _steps.c.klass)
    waiting = (_steps.c.task_id == task_id) & (_steps.c.state == StepState.PENDING.value)
    for row in work.execute(select(*columns).where(waiting).distinct()).all():
        waits.note(work, row.user_id, row.model, row.queue_rank, row.klass)


def frames_done(work: Work, task_id: str) -> int:
    """The truth about a task's frames: those of finished steps, and of the furthest live attempt of each other one."""
    return int(work.scalar(_FRAMES_DONE, {"task": task_id}) or 0)


def waiting_count(work: Work) -> int:
    """How many steps wait for a node."""
    waiting = (_steps.c.state == StepState.PENDING.value) & _steps.c.held.is_(False)
    return int(work.scalar(select(func.count()).where(waiting)))
