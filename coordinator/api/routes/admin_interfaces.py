"""Nodes for administrators: look at them, let them in, slow them down, throw them out."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from coordinator.api import deps
from coordinator.api import views_interfaces as views
from coordinator.api.deps import Admin, ClientAddress, Here
from coordinator.domain.admission import Word
from coordinator.services import nodes
from coordinator.services.nodes import Actor
from protocol.base import IDENTIFIER, RequestModel

router = APIRouter(prefix="/admin/interfaces", tags=["admin_interfaces"])
alias = APIRouter(prefix="/api/tasks/admin", tags=["admin_interfaces"])
"""The path of the product's first curl lines."""


class DrainOrder(RequestModel):
    """How long the node may finish what it holds, in seconds."""

    deadline_s: Annotated[float, Field(ge=0, le=604_800, allow_inf_nan=False)] = nodes.DRAIN_S


async def actor(admin: Admin, address: ClientAddress) -> Actor:
    """Who does it, for the audit."""
    return Actor(admin, address)


By = Annotated[Actor, Depends(actor)]
Cursor = Annotated[str | None, Query(pattern=IDENTIFIER)]
Limit = Annotated[int, Query(ge=1, le=500)]
Part = Annotated[str | None, Query(max_length=100)]


@router.get("", dependencies=[Depends(deps.current_admin)])
@alias.get("/interfaces", operation_id="admin_interfaces_listing_alias", dependencies=[Depends(deps.current_admin)])
async def listing(
    here: Here, q: Part = None, state: Word | None = None, cursor: Cursor = None, limit: Limit = 100
) -> dict[str, Any]:
    """Nodes with what they hold, oldest first; `q` is a part of the name."""
    found, after = await here.database.read(lambda work: nodes.page(work, q=q, state=state, after=cursor, limit=limit))
    return {"items": [views.interface(node) for node in found], "next": after}


@router.get("/{interface_id}", dependencies=[Depends(deps.current_admin)])
async def one(interface_id: str, here: Here) -> dict[str, Any]:
    """One node."""
    return views.interface(await here.database.read(lambda work: nodes.look(work, interface_id)))


@router.put("/{interface_id}/approve")
async def approve(interface_id: str, by: By, here: Here) -> dict[str, Any]:
    """Let a node work; ends a quarantine, too."""
    return views.interface(await here.database.write(lambda work: nodes.approve(work, interface_id, by)))


@router.put("/{interface_id}/drain")
async def drain(interface_id: str, by: By, here: Here, order: DrainOrder | None = None) -> dict[str, Any]:
    """Give a node nothing new; it finishes what fits before the deadline and hands the rest back."""
    seconds = order.deadline_s if order else nodes.DRAIN_S
    return views.interface(await here.database.write(lambda work: nodes.drain(work, interface_id, by, seconds)))


@router.put("/{interface_id}/resume")
async def resume(interface_id: str, by: By, here: Here) -> dict[str, Any]:
    """End draining."""
    return views.interface(await here.database.write(lambda work: nodes.resume(work, interface_id, by)))


@router.put("/{interface_id}/quarantine")
async def quarantine(interface_id: str, by: By, here: Here) -> dict[str, Any]:
    """One trial step at a time, until a result of it is verified."""
    return views.interface(await here.database.write(lambda work: nodes.quarantine(work, interface_id, by)))


@router.put("/{interface_id}/revoke")
async def revoke(interface_id: str, by: By, here: Here) -> dict[str, Any]:
    """Never believe this node again; its work goes to others."""
    return views.interface(await here.database.write(lambda work: nodes.revoke(work, here.rules, interface_id, by)))
