"""What administrators look at: the queue, failures, plots over time, what nodes did, what accounts use."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from coordinator.api import deps
from coordinator.api import views_statistics as views
from coordinator.api.deps import Here, User
from coordinator.services import nodes, queueing, sampling, usage
from coordinator.store import endings
from coordinator.store.work import Work
from protocol.base import IDENTIFIER

router = APIRouter(prefix="/admin", tags=["statistics"], dependencies=[Depends(deps.current_admin)])
own = APIRouter(tags=["statistics"])
Hours = Annotated[int, Query(ge=1, le=31 * 24)]


@own.get("/usage")
async def own_usage(user: User, here: Here) -> dict[str, Any]:
    """What you have stored, queued and had computed, and your bounds."""
    return await here.database.read(lambda work: usage.usage(work, here.rules, here.settings.user_storage_mb, user.id))


@router.get("/users/{user_id}/usage")
async def usage_of(user_id: str, here: Here) -> dict[str, Any]:
    """The same of any account."""
    return await here.database.read(lambda work: usage.usage(work, here.rules, here.settings.user_storage_mb, user_id))


@router.get("/queue")
async def queue(here: Here, limit: Annotated[int, Query(ge=1, le=200)] = 100) -> dict[str, Any]:
    """Waiting tasks in the order in which they will be served, why each waits, and when it would begin.

    The order changes with every task that comes or ends, so there are no pages; `waiting` counts all of them.
    """
    polls = here.polls.polling()
    found = await here.database.read(lambda work: queueing.queue(work, polls, limit))
    return {"items": [views.place(place) for place in found.places], "next": None, "waiting": found.waiting}


@router.get("/failures")
async def failures(here: Here, hours: Hours = 24) -> dict[str, Any]:
    """What went wrong in the last hours, by code, the most frequent first: tasks, and attempts of nodes."""

    def query(work: Work) -> dict[str, Any]:
        since = work.now - hours * 3600
        return {
            "tasks": [views.failure(one) for one in endings.failed_tasks(work, since)],
            "attempts": [views.failure(one) for one in endings.failed_attempts(work, since)],
        }

    return await here.database.read(query)


@router.get("/series")
async def series(here: Here, hours: Hours = 24) -> dict[str, Any]:
    """Throughput, queue, slots and errors of the last hours, for plots."""
    return views.series(await here.database.read(lambda work: sampling.series(work, hours)))


@router.get("/interfaces/{interface_id}/history")
async def history(
    interface_id: str,
    here: Here,
    cursor: Annotated[str | None, Query(pattern=IDENTIFIER)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """What a node was given, newest first; what was done to it is in `admin/audit?target=`."""

    def query(work: Work) -> list[dict[str, Any]]:
        nodes.look(work, interface_id)
        return [views.tried(row) for row in endings.of_node(work, interface_id, cursor, limit + 1)]

    items = await here.database.read(query)
    return {"items": items[:limit], "next": items[limit - 1]["id"] if len(items) > limit else None}
