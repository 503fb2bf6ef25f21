"""What the dispatcher sees of the nodes: who could take work now, and what it can run."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import bindparam, select, update

from coordinator.store.schema import changing, table
from coordinator.store.tables import InterfaceModels, Interfaces
from coordinator.store.work import Work
from protocol.states import Admission, Lane

_interfaces = table(Interfaces)
_models = table(InterfaceModels)
_ABLE = (
    (_interfaces.c.admission == Admission.APPROVED.value)
    & _interfaces.c.online.is_(True)
    & _interfaces.c.draining.is_(False)
    & (_interfaces.c.health == "healthy")
)
_MINE = _interfaces.c.id == bindparam("key")
_GET = select(_interfaces).where(_MINE)
_READY = select(_interfaces).where(_ABLE)
_OFFERED = (
    select(_models)
    .join(_interfaces, _interfaces.c.id == _models.c.interface_id)
    .where(_ABLE, _models.c.offered.is_(True))
)
_CLAIM = update(_interfaces).where(_MINE, _ABLE).values(claims=_interfaces.c.claims + 1)


def ready(work: Work, polling: Collection[str]) -> Sequence[Interfaces]:
    """Nodes that may be given work: reachable in the push lane, or asking for work this moment."""
    rows = work.rows(_READY, Interfaces, {})
    return [row for row in rows if (row.lane == Lane.PUSH and not row.unreachable) or row.id in polling]


def get(work: Work, interface_id: str) -> Interfaces | None:
    """One node, or None."""
    return work.row(_GET, Interfaces, {"key": interface_id})


def able(work: Work, model: str) -> Sequence[str]:
    """Nodes that are online and approved and offer this model, busy or not."""
    statement = (
        select(_interfaces.c.id)
        .join(_models, _models.c.interface_id == _interfaces.c.id)
        .where(_ABLE, _models.c.model == model, _models.c.offered.is_(True))
    )
    return work.scalars(statement)


def models_of(work: Work, interface_ids: Collection[str]) -> Sequence[InterfaceModels]:
    """The models that these nodes offer."""
    return [row for row in work.rows(_OFFERED, InterfaceModels, {}) if row.interface_id in interface_ids]


def lock(work: Work, interface_id: str) -> Interfaces | None:
    """Lock a node's row for a claim, so that two replicas count its slots one after the other."""
    if work.run(_CLAIM, {"key": interface_id}) != 1:
        return None
    return get(work, interface_id)


def change(work: Work, interface_id: str, **values: Any) -> None:
    """Set columns of a node."""
    work.run(*changing(_interfaces, interface_id, values))


def learn_speed(work: Work, interface_id: str, model: str, fps: float) -> None:
    """Mix a measured speed into what is known of (node, model)."""
    where = (_models.c.interface_id == interface_id) & (_models.c.model == model)
    known = work.row(select(_models).where(where), InterfaceModels)
    if known is not None:
        mixed = fps if known.measured_fps is None else 0.7 * known.measured_fps + 0.3 * fps
        work.execute(update(_models).where(where).values(measured_fps=mixed))
