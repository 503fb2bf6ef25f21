"""Everybody's tasks, for administrators; and the path of the product's first curl line."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from coordinator.api import deps
from coordinator.api.deps import Here
from coordinator.api.routes.tasks import Sort, tasks_page
from protocol.states import TaskState

router = APIRouter(prefix="/admin/tasks", tags=["admin_tasks"], dependencies=[Depends(deps.current_admin)])
alias = APIRouter(prefix="/api/tasks/admin", tags=["admin_tasks"], dependencies=[Depends(deps.current_admin)])
Cursor = Annotated[str | None, Query(max_length=2000)]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("")
async def listing(
    here: Here,
    state: Annotated[list[TaskState] | None, Query()] = None,
    q: Annotated[str, Query(max_length=200)] = "",
    sort: Sort = "-created_at",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    """Tasks of all users, newest first."""
    return await tasks_page(here, None, state, q, sort, cursor, limit)


@alias.get("/pending")
async def pending(here: Here, cursor: Cursor = None, limit: Limit = 50) -> dict[str, Any]:
    """Waiting tasks, oldest first."""
    return await tasks_page(here, None, [TaskState.WAITING], "", "created_at", cursor, limit)
