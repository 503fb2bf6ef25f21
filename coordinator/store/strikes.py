"""Statements on what failed where: the records that nodes and tasks are judged by."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import bindparam, func, select, update

from coordinator.domain.trust import Strike, Weight
from coordinator.store.schema import table
from coordinator.store.tables import Attempts, Interfaces
from coordinator.store.work import Work
from protocol.states import AttemptState

_attempts = table(Attempts)
_interfaces = table(Interfaces)
_FORGIVE = update(_interfaces).where(_interfaces.c.id == bindparam("key"), _interfaces.c.strikes > 0).values(strikes=0)


def forgive(work: Work, interface_id: str) -> None:
    """A result of a node was verified: its record is clean. Costs one statement where it was."""
    if work.run(_FORGIVE, {"key": interface_id}):
        clear(work, interface_id)


def clear(work: Work, interface_id: str) -> None:
    """Nothing that failed on this node counts any more."""
    where = (_attempts.c.interface_id == interface_id) & _attempts.c.strike.is_not(None)
    work.execute(update(_attempts).where(where).values(strike=None))


def of_node(work: Work, interface_id: str) -> Sequence[Strike]:
    """The record of a node."""
    where = (
        (_attempts.c.interface_id == interface_id)
        & (_attempts.c.state == AttemptState.FAILED.value)
        & _attempts.c.strike.is_not(None)
    )
    rows: Sequence[Any] = work.rows(select(_attempts).where(where).order_by(_attempts.c.id), Attempts)
    return [Strike(row.step_id, row.task_id, Weight(row.strike)) for row in rows]


def failed_elsewhere(work: Work, interface_id: str, task_ids: Collection[str]) -> set[str]:
    """Which of these tasks speak against other nodes, too, or did."""
    if not task_ids:
        return set()
    where = (
        _attempts.c.task_id.in_(sorted(task_ids))
        & (_attempts.c.interface_id != interface_id)
        & _attempts.c.strike.is_not(None)
    )
    return set(work.scalars(select(_attempts.c.task_id).where(where).distinct()))


def nodes_with(work: Work, task_id: str) -> set[str]:
    """Nodes against which a task speaks."""
    where = (_attempts.c.task_id == task_id) & (_attempts.c.strike == Weight.OPEN.value)
    return set(work.scalars(select(_attempts.c.interface_id).where(where).distinct()))


def strike_off(work: Work, task_id: str) -> None:
    """What a task did says nothing about nodes: it is the suspect."""
    where = (_attempts.c.task_id == task_id) & (_attempts.c.strike == Weight.OPEN.value)
    work.execute(update(_attempts).where(where).values(strike=Weight.STRUCK.value))


def prove(work: Work, step_id: str, by: str) -> set[str]:
    """A node did what failed on others: that speaks against those that have done nothing well since. Their ids."""
    mine = _attempts.c.step_id == step_id
    where = mine & _attempts.c.strike.is_not(None) & (_attempts.c.interface_id != by)
    failed = work.rows(select(_attempts).where(where), Attempts)
    guilty = {row.interface_id for row in failed if (row.ended_at or 0.0) > _last_success(work, row.interface_id)}
    if guilty:
        proved = update(_attempts).where(where & _attempts.c.interface_id.in_(sorted(guilty)))
        work.execute(proved.values(strike=Weight.PROVED.value))
    return guilty


def _last_success(work: Work, interface_id: str) -> float:
    where = (_attempts.c.interface_id == interface_id) & (_attempts.c.state == AttemptState.COMPLETED.value)
    return float(work.scalar(select(func.max(_attempts.c.ended_at)).where(where)) or 0.0)


def uncharged(work: Work, interface_id: str, since: float) -> int:
    """How many steps a node has handed back, or failed without a charge, since then."""
    where = (
        (_attempts.c.interface_id == interface_id)
        & _attempts.c.state.in_([AttemptState.RELEASED.value, AttemptState.FAILED.value])
        & _attempts.c.charge.is_(None)
        & (_attempts.c.ended_at > since)
    )
    return int(work.scalar(select(func.count()).select_from(_attempts).where(where)))
