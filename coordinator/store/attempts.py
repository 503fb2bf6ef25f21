"""Statements on attempts. An attempt's id is the fencing token: every write names it and the states it may be in."""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Integer, Update, bindparam, delete, false, func, insert, select, update

from coordinator.domain.lifecycle import ATTEMPT_MOVES, HELD, LEASED, SLOT, AttemptVerb
from coordinator.store.schema import changing, constants, guarded, row_of, table
from coordinator.store.tables import Artifacts, Attempts, Steps, Tasks
from coordinator.store.work import Work
from protocol.states import AttemptState

_attempts = table(Attempts)
_steps = table(Steps)
_artifacts = table(Artifacts)
_tasks = table(Tasks)
_HELD, _LEASED, _SLOT = (constants(states) for states in (HELD, LEASED, SLOT))
_ADD = insert(_attempts)
_GET = select(_attempts).where(_attempts.c.id == bindparam("key"))
_OF_STEP = select(_attempts).where(_attempts.c.step_id == bindparam("step")).order_by(_attempts.c.id)
_HOLDING = select(_attempts).where(_attempts.c.task_id == bindparam("task"), _attempts.c.state.in_(_HELD))
_HOLDS = select(_attempts.c.id).where(_attempts.c.step_id == bindparam("step"), _attempts.c.state.in_(_HELD)).limit(1)
_BUSY_OF = select(func.count()).where(
    _attempts.c.interface_id == bindparam("interface"),
    _attempts.c.state.in_(_SLOT),
    _attempts.c.light == bindparam("of_light"),
)
_OCCUPIED = (
    select(
        *(_attempts.c[name] for name in ("id", "interface_id", "user_id", "step_id", "task_id", "state", "light")),
        *(_attempts.c[name] for name in ("fps", "frames_done", "estimate_s", "offered_at", "progress_at")),
        func.coalesce(_steps.c.frames, 0).label("frames"),
        func.coalesce(_steps.c.losses, 0).label("losses"),
        func.coalesce(_tasks.c.suspect, false()).label("suspect"),
    )
    .select_from(
        _attempts.outerjoin(_steps, _steps.c.id == _attempts.c.step_id).outerjoin(
            _tasks, _tasks.c.id == _attempts.c.task_id
        )
    )
    .where(_attempts.c.state.in_(constants([*SLOT, AttemptState.REPORTED])))
)

_PARTS_ON = (
    select(_attempts.c.interface_id, func.sum(_artifacts.c.size).label("size"))
    .select_from(
        _steps.join(_attempts, _attempts.c.id == _steps.c.winner).join(
            _artifacts, _artifacts.c.attempt_id == _attempts.c.id
        )
    )
    .where(_steps.c.task_id == bindparam("task"))
    .group_by(_attempts.c.interface_id)
)


class PartsOn(NamedTuple):
    """Bytes of finished parts that a node made."""

    interface_id: str
    size: int


class Occupied(NamedTuple):
    """An attempt that holds a slot, or whose bytes wait for the verifier, with what the choice asks of its step."""

    id: str
    interface_id: str
    user_id: str
    step_id: str
    task_id: str
    state: str
    light: bool
    fps: float | None
    frames_done: int
    estimate_s: float
    offered_at: float
    progress_at: float
    frames: int
    losses: int
    suspect: bool


@cache
def _older(statement: Update) -> Update:
    return statement.where(_attempts.c.seq < bindparam("newest"))


_REPORTED = constants([AttemptState.REPORTED])[0]
_HELD_BY = (
    select(_attempts)
    .where(_attempts.c.interface_id == bindparam("interface"), _attempts.c.state.in_([*_LEASED, _REPORTED]))
    .order_by(_attempts.c.id)
)
_LEASES = (
    select(_attempts.c.interface_id, func.max(_attempts.c.lease_until).label("until"))
    .where(_attempts.c.state.in_(_LEASED))
    .group_by(_attempts.c.interface_id)
)
_EXPIRED = (
    select(_attempts)
    .where(_attempts.c.state.in_(_LEASED), _attempts.c.lease_until < bindparam("now"))
    .order_by(_attempts.c.lease_until)
    .limit(bindparam("most", type_=Integer()))
)
_LOADS = _attempts.c.stage == "load"
_STILL = select(_attempts).where(
    _attempts.c.state == constants([AttemptState.RUNNING])[0],
    (~_LOADS & (_attempts.c.progress_at < bindparam("since")))
    | (_LOADS & (_attempts.c.progress_at < bindparam("load_since"))),
)


def add(work: Work, values: dict[str, Any]) -> Attempts:
    """Insert an attempt, offered."""
    return work.added(_ADD, _GET, Attempts, row_of(Attempts, values))


def get(work: Work, attempt_id: str) -> Attempts | None:
    """One attempt, or None."""
    return work.row(_GET, Attempts, {"key": attempt_id})


def move(work: Work, attempt_id: str, verb: AttemptVerb, **values: Any) -> bool:
    """The guarded move; False when the attempt is in no state that allows it."""
    sources, target = ATTEMPT_MOVES[verb]
    return work.run(*guarded(_attempts, attempt_id, sources, {"state": str(target), **values})) == 1


def note_outcome(work: Work, attempt_id: str, seq: int, outcome: dict[str, Any]) -> None:
    """Keep the terminal callback, so that its repeat gets the same answer."""
    work.run(*changing(_attempts, attempt_id, {"seq": seq, "outcome": outcome}))


def of_task(work: Work, task_id: str) -> Sequence[Attempts]:
    """Every attempt of a task, oldest first."""
    return work.rows(select(_attempts).where(_attempts.c.task_id == task_id).order_by(_attempts.c.id), Attempts)


def of_step(work: Work, step_id: str) -> Sequence[Attempts]:
    """Every attempt of a step, oldest first."""
    return work.rows(_OF_STEP, Attempts, {"step": step_id})


def holding(work: Work, task_id: str) -> Sequence[Attempts]:
    """Attempts that own a step of this task."""
    return work.rows(_HOLDING, Attempts, {"task": task_id})


def holding_any(work: Work, task_ids: Collection[str]) -> Sequence[Attempts]:
    """Attempts that own a step of one of these tasks."""
    if not task_ids:
        return ()
    where = _attempts.c.task_id.in_(list(task_ids)) & _attempts.c.state.in_(_HELD)
    return work.rows(select(_attempts).where(where).order_by(_attempts.c.frames_done), Attempts)


def holds_step(work: Work, step_id: str) -> bool:
    """Whether any attempt still owns the step."""
    return work.scalar(_HOLDS, {"step": step_id}) is not None


def held_by(work: Work, interface_id: str) -> Sequence[Attempts]:
    """Attempts that a node should know of: leases run, or the verifier has not spoken yet."""
    return work.rows(_HELD_BY, Attempts, {"interface": interface_id})


def count(work: Work, states: Collection[AttemptState]) -> int:
    """How many attempts are in these states; the light ones not."""
    where = _attempts.c.state.in_([str(s) for s in states]) & _attempts.c.light.is_(False)
    return int(work.scalar(select(func.count()).select_from(_attempts).where(where)))


def occupied(work: Work) -> Sequence[Occupied]:
    """All attempts that hold a slot or wait for the verifier."""
    return work.rows(_OCCUPIED, Occupied, {})


def busy_slots_of(work: Work, interface_id: str, light: bool) -> int:
    """How many slots of one node are taken; `light`: whether its light slot is."""
    return int(work.scalar(_BUSY_OF, {"interface": interface_id, "of_light": light}))


def parts_on(work: Work, task_id: str) -> Sequence[PartsOn]:
    """Where the finished parts of a task were made, and how many bytes of them."""
    return work.rows(_PARTS_ON, PartsOn, {"task": task_id})


def renew(work: Work, interface_id: str, attempt_ids: Collection[str], until: float) -> None:
    """A signed message named these attempts: their leases begin anew."""
    if attempt_ids:
        where = (
            (_attempts.c.interface_id == interface_id)
            & _attempts.c.id.in_(list(attempt_ids))
            & _attempts.c.state.in_(_LEASED)
        )
        work.execute(update(_attempts).where(where).values(lease_until=until))


def shorten(work: Work, until: float) -> None:
    """No lease lasts longer than until then."""
    where = _attempts.c.state.in_(_LEASED) & (_attempts.c.lease_until > until)
    work.execute(update(_attempts).where(where).values(lease_until=until))


def progress(work: Work, attempt_id: str, seq: int, values: dict[str, Any]) -> bool:
    """Write what a callback said; False when it is older than what is known or the attempt runs no more."""
    statement, parameters = guarded(_attempts, attempt_id, [AttemptState.RUNNING], {"seq": seq, **values})
    return work.run(_older(statement), parameters | {"newest": seq}) == 1


def leases(work: Work) -> dict[str, float]:
    """Until when each node with work has its latest lease."""
    rows: Sequence[Any] = work.rows(_LEASES, Attempts, {})
    return {row.interface_id: float(row.until) for row in rows}


def expired(work: Work, limit: int) -> Sequence[Attempts]:
    """Attempts whose lease has ended."""
    return work.rows(_EXPIRED, Attempts, {"now": work.now, "most": limit})


def standing_still(work: Work, since: float, load_since: float) -> Sequence[Attempts]:
    """Running attempts whose stage has not moved since `since`, or since `load_since` while a model loads."""
    return work.rows(_STILL, Attempts, {"since": since, "load_since": load_since})


def reported(work: Work) -> Sequence[str]:
    """Attempts that wait for the verifier."""
    where = _attempts.c.state == AttemptState.REPORTED.value
    return work.scalars(select(_attempts.c.id).where(where).order_by(_attempts.c.reported_at))


def stopping(work: Work) -> Sequence[Attempts]:
    """Attempts whose node has not yet said that it stopped."""
    return work.rows(select(_attempts).where(_attempts.c.state == AttemptState.STOPPING.value), Attempts)


def offered(work: Work) -> Sequence[Attempts]:
    """Offers that no node has answered."""
    return work.rows(select(_attempts).where(_attempts.c.state == AttemptState.OFFERED.value), Attempts)


def offered_to(work: Work, interface_id: str) -> Sequence[Attempts]:
    """Offers that a node has not answered."""
    where = (_attempts.c.interface_id == interface_id) & (_attempts.c.state == AttemptState.OFFERED.value)
    return work.rows(select(_attempts).where(where).order_by(_attempts.c.id), Attempts)


def forget(work: Work, task_id: str) -> None:
    """Delete the ended attempts of a removed task; one that still holds a slot stays until it ends."""
    where = (_attempts.c.task_id == task_id) & _attempts.c.state.not_in(_SLOT)
    work.execute(delete(_attempts).where(where))
