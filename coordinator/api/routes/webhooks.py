"""Webhooks: secrets that sign them, trying a receiver out, deliveries."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from pydantic import Field

from coordinator.api import cursors
from coordinator.api import views_webhooks as views
from coordinator.api.deps import ClientAddress, Here, User
from coordinator.domain.tasks import Webhook
from coordinator.domain.webhooks import DAY_S, DeliveryState
from coordinator.gateway.webhook_signing import fresh_secret
from coordinator.services import webhook_secrets, webhooks
from coordinator.store import webhook_secrets as secret_rows
from coordinator.store import webhooks as outbox
from protocol.base import RequestModel

router = APIRouter(prefix="/webhooks", tags=["webhooks"])
ORDER = "webhooks"


class NewSecret(RequestModel):
    """A new secret; those of before go on signing for `overlap_s`."""

    overlap_s: Annotated[float, Field(ge=0, le=7 * DAY_S, allow_inf_nan=False)] = DAY_S


USUAL = NewSecret()
"""What a request without a body asks for."""


class Trial(RequestModel):
    """Where a test message goes."""

    url: Webhook


@router.get("/secrets")
async def secrets(user: User, here: Here) -> dict[str, Any]:
    """The secrets that sign now, newest first, without the secrets themselves."""
    found = await here.database.read(lambda work: secret_rows.signing(work, user.id))
    return {"items": [views.secret(row) for row in found], "next": None}


@router.post("/secrets", status_code=201)
async def make_secret(
    user: User, here: Here, address: ClientAddress, body: Annotated[NewSecret, Body()] = USUAL
) -> dict[str, Any]:
    """Make a secret, or replace the one before; `secret` is in this answer and never again."""
    fresh, box = fresh_secret(), here.webhook_secrets
    row = await here.database.write(lambda work: webhook_secrets.make(work, box, user, fresh, body.overlap_s, address))
    return {**views.secret(row), "secret": fresh}


@router.delete("/secrets/{secret_id}", status_code=204)
async def remove_secret(secret_id: str, user: User, here: Here, address: ClientAddress) -> None:
    """Sign no more with a secret, from now on."""
    await here.database.write(lambda work: webhook_secrets.remove(work, user, secret_id, address))


@router.post("/test")
async def test(body: Trial, user: User, here: Here) -> dict[str, Any]:
    """Send a signed test message now and say what came back."""
    url = webhooks.accepted(here.rules, body.url, "url")
    return views.trial(await here.webhook_trials.send(user.id, url))


@router.get("/deliveries")
async def deliveries(
    user: User,
    here: Here,
    task: Annotated[str, Query(max_length=64)] = "",
    state: Annotated[list[DeliveryState] | None, Query()] = None,
    cursor: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """The account's messages, newest first."""
    before = cursors.decode(cursor, ORDER, int)[0] if cursor else None
    found = await here.database.read(
        lambda work: outbox.page(work, user.id, task_id=task, states=state or (), before=before, limit=limit)
    )
    following = cursors.encode(ORDER, found[-1].seq) if len(found) == limit else None
    return {"items": [views.delivery(row) for row in found], "next": following}


@router.post("/deliveries/{delivery_id}/redeliver", status_code=202)
async def redeliver(delivery_id: str, user: User, here: Here) -> dict[str, Any]:
    """Send an ended message again under its old id, or try a waiting one now."""
    return views.delivery(await here.database.write(lambda work: webhooks.redeliver(work, user.id, delivery_id)))
