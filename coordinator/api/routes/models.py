"""Which models a task may ask for."""

from typing import Any

from fastapi import APIRouter, Depends

from coordinator.api import deps
from coordinator.api import views_interfaces as views
from coordinator.api.deps import Here
from coordinator.services import models

router = APIRouter(prefix="/models", tags=["models"])


@router.get("", dependencies=[Depends(deps.current_user)])
async def listing(here: Here) -> dict[str, Any]:
    """Known models: a node has offered them, or they are the default. One that is not online is accepted and waits."""
    found = await here.database.read(lambda work: models.catalogue(work, here.rules.default_model))
    return {"items": [views.model(one) for one in found], "next": None}
