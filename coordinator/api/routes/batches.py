"""Batches: tasks that were asked for together."""

from typing import Any

from fastapi import APIRouter

from coordinator.api import views_tasks as views
from coordinator.api.deps import ClientAddress, Here, User
from coordinator.services import batching, looking
from coordinator.store import tasks

router = APIRouter(prefix="/batches", tags=["batches"])


@router.get("/{batch_id}")
async def one(batch_id: str, user: User, here: Here) -> dict[str, Any]:
    """A batch with all its tasks."""
    row = await here.database.read(lambda work: batching.find(work, user.id, batch_id))
    pictures = await here.database.read(lambda work: looking.many(work, tasks.of_batch(work, batch_id)))
    return views.batch(row, pictures, here.links, here.clock())


@router.delete("/{batch_id}")
async def delete(batch_id: str, user: User, here: Here, address: ClientAddress) -> dict[str, Any]:
    """Cancel what is live, remove what has ended; the batch goes with its last task."""
    row = await here.database.write(
        lambda work: batching.remove(work, here.rules, user.id, batch_id, by=user, address=address)
    )
    pictures = await here.database.read(lambda work: looking.many(work, tasks.of_batch(work, batch_id)))
    return views.batch(row, pictures, here.links, here.clock())
