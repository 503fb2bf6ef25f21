"""Statements on the heads of the queue: who may have steps waiting, and those steps in the order of the queue.

A row of `Waits` may be there in vain, but no waiting step is without one: whoever makes a step pending raises the stamp
of its row or makes it, in the same transaction, and a row is deleted only at the stamp at which it was found empty.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Double, Executable, Insert, Integer, bindparam, delete, false, func, select, update
from sqlalchemy.dialects.mysql import insert as mysql_insert
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from coordinator.store.schema import constants, table
from coordinator.store.tables import Steps, Tasks, Users, Waits
from coordinator.store.work import Work
from protocol.states import StepState

_waits = table(Waits)
_steps = table(Steps)
_tasks = table(Tasks)
_users = table(Users)
ASSEMBLE_RANK: Final = 0
"""`steps.queue_rank` of `assemble`: it ends a task and goes before everything else."""
LIGHT: Final = -1000
"""`waits.rank` of `assemble`; every other rank is minus a class. It waits for no model."""
_MINE = (
    (_waits.c.user_id == bindparam("user"))
    & (_waits.c.model == bindparam("of_model"))
    & (_waits.c.rank == bindparam("of_rank"))
)
_SCORE = (
    select(func.coalesce(func.max(_users.c.use_score), 0.0)).where(_users.c.id == bindparam("user")).scalar_subquery()
)
_SEEN = _MINE & (_waits.c.stamp == bindparam("seen"))
_DROP = delete(_waits).where(_SEEN)
_SLEEP = update(_waits).where(_SEEN).values(ready_at=bindparam("until"))
_RESCORE = update(_waits).where(_waits.c.user_id == bindparam("user")).values(score=bindparam("use"))
_AFTER = (_waits.c.score > bindparam("score")) | (
    (_waits.c.score == bindparam("score"))
    & (
        (_waits.c.since > bindparam("since"))
        | ((_waits.c.since == bindparam("since")) & (_waits.c.user_id > bindparam("user")))
    )
)
_OF_MODEL = (
    select(_waits)
    .where(_waits.c.model == bindparam("of_model"), _waits.c.ready_at <= bindparam("now"))
    .order_by(_waits.c.model, _waits.c.rank, _waits.c.score, _waits.c.since, _waits.c.user_id)
    .limit(bindparam("most", type_=Integer()))
)
_BEHIND = _OF_MODEL.where((_waits.c.rank > bindparam("of_rank")) | ((_waits.c.rank == bindparam("of_rank")) & _AFTER))


_ANY = select(_waits.c.user_id).where(_waits.c.ready_at <= bindparam("now")).limit(1)


class Waiting(NamedTuple):
    """What the choice needs of a step that waits."""

    id: str
    task_id: str
    user_id: str
    kind: str
    model: str
    frames: int
    losses: int
    tries: int
    queued_at: float
    not_before: float
    source_mb: float
    size_class: int
    disk_mb: int


def rank_of(queue_rank: int, klass: int) -> int:
    """The rank of a step's row."""
    return LIGHT if queue_rank == ASSEMBLE_RANK else -klass


def note(work: Work, user_id: str, model: str, queue_rank: int, klass: int) -> None:
    """A step of this user may wait from now on."""
    rank = rank_of(queue_rank, klass)
    values = {"user": user_id, "of_model": "" if rank == LIGHT else model, "of_rank": rank, "now": work.now}
    work.run(_note(work.connection.dialect.name), values)


@cache
def _note(dialect: str) -> Insert:
    values = {
        "user_id": bindparam("user"),
        "model": bindparam("of_model"),
        "rank": bindparam("of_rank"),
        "score": _SCORE,
        "since": bindparam("now"),
        "stamp": 1,
        "ready_at": 0.0,
    }
    keys = ["user_id", "model", "rank"]
    match dialect:
        case "sqlite":
            lite = sqlite_insert(_waits).values(values)
            return lite.on_conflict_do_update(index_elements=keys, set_={"stamp": _waits.c.stamp + 1, "ready_at": 0.0})
        case "postgresql":
            post = postgresql_insert(_waits).values(values)
            return post.on_conflict_do_update(index_elements=keys, set_={"stamp": _waits.c.stamp + 1, "ready_at": 0.0})
        case _:
            maria = mysql_insert(_waits).values(values)
            return maria.on_duplicate_key_update(stamp=_waits.c.stamp + 1, ready_at=0.0)


def any_ready(work: Work) -> bool:
    """Whether anything may wait that can be tried now."""
    return work.scalar(_ANY, {"now": work.now}) is not None


def heads(work: Work, model: str, after: Waits | None, limit: int) -> Sequence[Waits]:
    """Who waits for a model ("" is the light slot), in the order of the queue, behind `after`."""
    page = {"of_model": model, "now": work.now, "most": limit}
    if after is None:
        return work.rows(_OF_MODEL, Waits, page)
    mark = {"of_rank": after.rank, "score": after.score, "since": after.since, "user": after.user_id}
    return work.rows(_BEHIND, Waits, {**page, **mark})


@cache
def _of_head(light: bool, count_only: bool) -> Executable:
    found = (
        (_steps.c.state == constants([StepState.PENDING])[0])
        & (_steps.c.held == false())  # MariaDB uses no index for IS
        & (_steps.c.user_id == bindparam("user"))
    )
    if light:
        found &= _steps.c.queue_rank == ASSEMBLE_RANK
    else:
        found &= _steps.c.queue_rank == 1
        found &= (_steps.c.model == bindparam("of_model")) & (_steps.c.klass == bindparam("of_klass"))
    if count_only:
        return select(func.count().label("number"), func.min(_steps.c.not_before).label("earliest")).where(found)
    columns = [_steps.c[name] for name in Waiting._fields]
    ready = (_steps.c.not_before <= bindparam("now", type_=Double())) & (_steps.c.losses < bindparam("losses"))
    ready &= _steps.c.task_id != bindparam("but")
    return (
        select(*columns)
        .where(found, ready)
        .order_by(_steps.c.queue_rank, _steps.c.model, _steps.c.klass, _steps.c.lag, _steps.c.queued_at, _steps.c.ord)
        .limit(bindparam("most", type_=Integer()))
        .offset(bindparam("skip", type_=Integer()))
    )


def _key(head: Waits) -> dict[str, Any]:
    return {"user": head.user_id, "of_model": head.model, "of_klass": -head.rank, "of_rank": head.rank}


def steps_of(work: Work, head: Waits, losses_below: int, but: str, skip: int, limit: int) -> Sequence[Waiting]:
    """A user's waiting steps that may be tried now, by own priority and age, without those of the task `but`."""
    page = {"now": work.now, "losses": losses_below, "but": but, "skip": skip, "most": limit}
    return work.rows(_of_head(head.rank == LIGHT, False), Waiting, {**_key(head), **page})


def look_again(work: Work, head: Waits) -> None:
    """Nothing could be taken from this row: delete it when it is empty, or let it sleep while all waits for a time."""
    found: Sequence[Any] = work.rows(_of_head(head.rank == LIGHT, True), Waits, _key(head))
    values = {**_key(head), "seen": head.stamp}
    if not found[0].number:
        work.run(_DROP, values)
    elif found[0].earliest > work.now:
        work.run(_SLEEP, {**values, "until": found[0].earliest})


def rescore(work: Work, user_id: str, score: float) -> None:
    """Copy what a user has used to where it orders the queue."""
    work.run(_RESCORE, {"user": user_id, "use": score})


def others(work: Work, user_id: str) -> bool:
    """Whether anybody else may be waiting."""
    return work.scalar(select(_waits.c.user_id).where(_waits.c.user_id != user_id).limit(1)) is not None


def without_row(work: Work) -> Sequence[tuple[str, str, int, int]]:
    """Users, models, ranks and classes of waiting steps that have no row: there should never be any."""
    columns = (_steps.c.user_id, _steps.c.model, _steps.c.queue_rank, _steps.c.klass)
    waiting = (_steps.c.state == StepState.PENDING.value) & _steps.c.held.is_(False)
    kinds: Sequence[Any] = work.execute(select(*columns).where(waiting).distinct()).all()
    known = {(row.user_id, row.model, row.rank) for row in work.rows(select(_waits), Waits)}
    return [
        (row.user_id, row.model, row.queue_rank, row.klass)
        for row in kinds
        if (
            row.user_id,
            "" if row.queue_rank == ASSEMBLE_RANK else row.model,
            rank_of(row.queue_rank, row.klass),
        )
        not in known
    ]
