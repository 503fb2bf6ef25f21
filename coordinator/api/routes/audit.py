"""Who did what to whom."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query

from coordinator.api import views_accounts as views
from coordinator.api.deps import Admin, Here
from coordinator.errors import InvalidCursor
from coordinator.store import audit, users
from coordinator.store.tables import Audit
from coordinator.store.work import Work

router = APIRouter(prefix="/admin/audit", tags=["audit"])


@router.get("", name="list")
async def list_audit(
    _admin: Admin,
    here: Here,
    action: Annotated[str, Query(max_length=64)] = "",
    actor: Annotated[str, Query(max_length=64)] = "",
    target: Annotated[str, Query(max_length=200)] = "",
    cursor: Annotated[str, Query(max_length=20)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Audit rows, newest first; `action=login.` means all actions that begin so, `target` is an id."""
    before = _before(cursor)

    def query(work: Work) -> tuple[Sequence[Audit], dict[str, str]]:
        rows = audit.page(work, before=before, limit=limit, action=action, actor=actor.casefold(), target=target)
        return rows, users.names(work, {row.target for row in rows if row.target})

    found, names = await here.database.read(query)
    following = str(found[-1].seq) if len(found) == limit else None
    return {"items": [views.audit(row, names.get(row.target)) for row in found], "next": following}


def _before(cursor: str) -> int | None:
    if not cursor:
        return None
    if not (cursor.isascii() and cursor.isdigit()):
        raise InvalidCursor
    return int(cursor)
