"""Who did what to whom: written in the transaction that does it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, insert, select

from coordinator.store.schema import table
from coordinator.store.tables import Audit, Users
from coordinator.store.work import Work

_audit = table(Audit)
SYSTEM = "system"
LOGIN_FAILED = "login.failed"


def record(work: Work, action: str, *, actor: Users | str, target: str = "", address: str = "", **data: Any) -> None:
    """Add a row. `actor` is the account, or a name where there is none (`system`, or whoever tried to log in)."""
    actor_id, name = (None, actor) if isinstance(actor, str) else (actor.id, actor.username)
    work.execute(
        insert(_audit).values(
            at=work.now,
            actor_id=actor_id,
            actor=name[:64],
            action=action,
            target=target[:200],
            address=address[:64],
            data=data,
        )
    )


def page(
    work: Work, *, before: int | None, limit: int, action: str = "", actor: str = "", target: str = ""
) -> Sequence[Audit]:
    """Rows, newest first, those before a sequence number. An `action` that ends in a dot means all that begin so."""
    statement = select(_audit).order_by(_audit.c.seq.desc()).limit(limit)
    if before is not None:
        statement = statement.where(_audit.c.seq < before)
    if action.endswith("."):
        statement = statement.where(_audit.c.action.startswith(action, autoescape=True))
    elif action:
        statement = statement.where(_audit.c.action == action)
    if target:
        statement = statement.where(_audit.c.target == target)
    if actor:
        statement = statement.where(_audit.c.actor == actor)
    return work.rows(statement, Audit)


def forget(work: Work, action: str, before: float, limit: int) -> int:
    """Delete rows of one action that are older than that, the oldest `limit` of them; how many."""
    old = select(_audit.c.seq).where(_audit.c.action == action, _audit.c.at < before).order_by(_audit.c.at).limit(limit)
    found = work.scalars(old)
    if found:
        work.execute(delete(_audit).where(_audit.c.seq.in_(found)))
    return len(found)
