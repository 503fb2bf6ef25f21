"""Statements on the models that nodes offer."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import delete, insert, select, update

from coordinator.domain.words import plain
from coordinator.store.schema import table
from coordinator.store.tables import InterfaceModels, Interfaces
from coordinator.store.work import Work
from protocol.interfaces import NodeModel
from protocol.states import Admission

_offers = table(InterfaceModels)
_interfaces = table(Interfaces)
PROVIDER, TITLE, LICENCE = 40, 200, 100
REMEMBERED = 400
"""Rows of one node at most; a node that keeps inventing names loses the record of those that it offers no more."""


class Offer(NamedTuple):
    """A model on one node, and whether that node could be given work."""

    model: str
    title: str
    licence: str
    commercial: bool | None
    provider: str
    speed_fps: float | None
    measured_fps: float | None
    online: bool


def of(work: Work, interface_ids: Collection[str]) -> dict[str, list[InterfaceModels]]:
    """What each of these nodes offers now, by name."""
    where = _offers.c.interface_id.in_(list(interface_ids)) & _offers.c.offered
    found: dict[str, list[InterfaceModels]] = {key: [] for key in interface_ids}
    for row in work.rows(select(_offers).where(where).order_by(_offers.c.model), InterfaceModels):
        found[row.interface_id].append(row)
    return found


def replace(work: Work, interface_id: str, models: Sequence[NodeModel]) -> bool:
    """A node offers these models and no others; what was measured on it is kept. Whether anything changed."""
    where = _offers.c.interface_id == interface_id
    known = {row.model: row for row in work.rows(select(_offers).where(where), InterfaceModels)}
    wanted = {model.name: _values(model) for model in models}
    fresh = [name for name in wanted if name not in known]
    moved = [name for name, row in known.items() if name in wanted and _differs(row, wanted[name])]
    gone = [name for name, row in known.items() if row.offered and name not in wanted]
    for name in moved:
        work.execute(update(_offers).where(where & (_offers.c.model == name)).values(wanted[name]))
    if gone:
        work.execute(update(_offers).where(where & _offers.c.model.in_(gone)).values(offered=False, warm=False))
    if fresh:
        rows = [{"interface_id": interface_id, "model": name, "measured_fps": None, **wanted[name]} for name in fresh]
        work.execute(insert(_offers), rows)
    if len(known) + len(fresh) > REMEMBERED:
        work.execute(delete(_offers).where(where & ~_offers.c.offered))
    return bool(fresh or moved or gone)


def _values(model: NodeModel) -> dict[str, Any]:
    return {
        "title": plain(model.title, TITLE),
        "licence": plain(model.licence, LICENCE),
        "commercial": model.commercial,
        "provider": plain(model.provider, PROVIDER),
        "warm": model.warm,
        "speed_fps": model.speed_fps,
        "offered": True,
    }


def _differs(row: InterfaceModels, values: dict[str, Any]) -> bool:
    return any(getattr(row, name) != value for name, value in values.items())


def known(work: Work, model: str) -> bool:
    """Whether a node that was not revoked ever offered this model."""
    statement = (
        select(_offers.c.model)
        .join(_interfaces, _interfaces.c.id == _offers.c.interface_id)
        .where(_offers.c.model == model, _interfaces.c.admission != str(Admission.REVOKED))
        .limit(1)
    )
    return work.scalar(statement) is not None


def everywhere(work: Work) -> Sequence[Offer]:
    """Every model on every node that was not revoked, by name."""
    ready = _interfaces.c.online & _offers.c.offered & (_interfaces.c.admission == str(Admission.APPROVED))
    mine = _offers.c
    said = (mine.model, mine.title, mine.licence, mine.commercial, mine.provider, mine.speed_fps, mine.measured_fps)
    statement = (
        select(*said, ready.label("online"))
        .join(_interfaces, _interfaces.c.id == _offers.c.interface_id)
        .where(_interfaces.c.admission != str(Admission.REVOKED))
        .order_by(_offers.c.model)
    )
    return work.rows(statement, Offer)
