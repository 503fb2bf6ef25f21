"""Is it alive, is it ready, how is it doing."""

import hmac
from ipaddress import ip_address
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from coordinator.api import deps
from coordinator.api.deps import ClientAddress, Here
from coordinator.gateway.gauges import CONTENT_TYPE
from coordinator.services import statistics
from coordinator.store import tasks

router = APIRouter(tags=["system"])


@router.get("/health")
async def health() -> dict[str, str]:
    """This process answers; nothing else is asked."""
    return {"status": "ok"}


@router.get("/ready")
async def ready(here: Here) -> dict[str, str]:
    """The database answers, and there is room for uploads; otherwise a problem says what is wrong."""
    await here.database.read(tasks.counts)
    here.files.check_room()
    return {"status": "ready"}


@router.get("/stats", dependencies=[Depends(deps.current_user)])
async def stats(here: Here) -> dict[str, Any]:
    """Counts by state, queue length, durations and error rate of the last hour."""
    return await here.database.read(statistics.overview)


@router.get("/metrics")
async def metrics(request: Request, here: Here, address: ClientAddress) -> Response:
    """Prometheus text: freely on loopback; elsewhere with METRICS_TOKEN or as an administrator."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    token = here.settings.metrics_token
    known = bool(token) and scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), token.encode())
    if not known and not ip_address(address).is_loopback:
        await deps.current_admin(await deps.current_user(request))
    overview = await here.database.read(statistics.overview)
    return Response(here.gauges.text(overview), media_type=CONTENT_TYPE)
