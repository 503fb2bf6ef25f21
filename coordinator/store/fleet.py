"""What the dispatcher sees of the nodes: who could take work now, and what it can run."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import bindparam, insert, or_, select, update

from coordinator.domain.lifecycle import SLOT
from coordinator.store.schema import changing, constants, table
from coordinator.store.tables import Attempts, InterfaceModels, Interfaces, Speeds
from coordinator.store.work import Work
from protocol.states import Admission, AttemptState, Lane

_interfaces = table(Interfaces)
_models = table(InterfaceModels)
_attempts = table(Attempts)
_speeds = table(Speeds)
_APPROVED = _interfaces.c.admission == Admission.APPROVED.value
_PRESENT = _interfaces.c.online.is_(True) & _interfaces.c.draining.is_(False) & (_interfaces.c.health == "healthy")
_TRIAL_DUE = (_interfaces.c.admission == Admission.QUARANTINED.value) & (
    _interfaces.c.quarantined_until <= bindparam("now")
)
_RESTED = _interfaces.c.rest_until <= bindparam("now")
_MAY = _PRESENT & _RESTED & or_(_APPROVED, _TRIAL_DUE)
_UNJUDGED = _attempts.c.state.in_(constants([*SLOT, AttemptState.REPORTED]))
_HOLDS = select(_attempts.c.id).where(_attempts.c.interface_id == _interfaces.c.id, _UNJUDGED).exists()
_MINE = _interfaces.c.id == bindparam("key")
_GET = select(_interfaces).where(_MINE)
_READY = select(_interfaces).where(_PRESENT & _RESTED & or_(_APPROVED, _TRIAL_DUE & ~_HOLDS))
_ABLE = (
    select(_interfaces.c.id)
    .join(_models, _models.c.interface_id == _interfaces.c.id)
    .where(_APPROVED, _PRESENT, _models.c.model == bindparam("model"), _models.c.offered.is_(True))
)
_OFFERED = (
    select(_models)
    .join(_interfaces, _interfaces.c.id == _models.c.interface_id)
    .where(_MAY, _models.c.offered.is_(True))
)
_CLAIM = update(_interfaces).where(_MINE, _MAY).values(claims=_interfaces.c.claims + 1)
_MODEL = select(_models).where(
    _models.c.interface_id == bindparam("interface"), _models.c.model == bindparam("of_model")
)
_LEARN = (
    update(_models)
    .where(_models.c.interface_id == bindparam("interface"), _models.c.model == bindparam("of_model"))
    .values(measured_fps=bindparam("fps"))
)
_SPEEDS = select(_speeds).where(_speeds.c.model == bindparam("of_model"))
_THIS_SPEED = (
    (_speeds.c.interface_id == bindparam("interface"))
    & (_speeds.c.model == bindparam("of_model"))
    & (_speeds.c.size_class == bindparam("of_size"))
)
_SPEED = select(_speeds).where(_THIS_SPEED)
_LEARN_SIZE = update(_speeds).where(_THIS_SPEED).values(fps=bindparam("fps"), at=bindparam("at"))
_FIRST_SPEED = insert(_speeds)


def ready(work: Work) -> Sequence[Interfaces]:
    """Nodes that may be given work when they can be reached. One in quarantine is among them when its next trial is due
    and it holds nothing."""
    return work.rows(_READY, Interfaces, {"now": work.now})


def reachable(row: Interfaces, polling: Collection[str]) -> bool:
    """Whether work can travel to a node now: in the push lane, or because it asks for work this moment."""
    return (row.lane == Lane.PUSH and not row.unreachable) or row.id in polling


def get(work: Work, interface_id: str) -> Interfaces | None:
    """One node, or None."""
    return work.row(_GET, Interfaces, {"key": interface_id})


def able(work: Work, model: str) -> Sequence[str]:
    """Nodes that are online and approved and offer this model, busy or not."""
    return [row.id for row in work.rows(_ABLE, Interfaces, {"model": model})]


def models_of(work: Work, interface_ids: Collection[str]) -> Sequence[InterfaceModels]:
    """The models that these nodes offer."""
    return [row for row in work.rows(_OFFERED, InterfaceModels, {"now": work.now}) if row.interface_id in interface_ids]


def lock(work: Work, interface_id: str) -> Interfaces | None:
    """Lock a node's row for a claim, so that two replicas count its slots one after the other."""
    return work.locked(_CLAIM, _GET, Interfaces, {"key": interface_id, "now": work.now})


def change(work: Work, interface_id: str, **values: Any) -> None:
    """Set columns of a node."""
    work.run(*changing(_interfaces, interface_id, values))


def speeds_of(work: Work, model: str) -> Sequence[Speeds]:
    """What was measured of a model, on every node and at every size."""
    return work.rows(_SPEEDS, Speeds, {"of_model": model})


def learn_speed(work: Work, interface_id: str, model: str, size_class: int, fps: float) -> None:
    """Mix a measured speed into what is known of (node, model, size) and of (node, model)."""
    mine = {"interface": interface_id, "of_model": model}
    known = work.row(_MODEL, InterfaceModels, mine)
    if known is None:
        return
    work.run(_LEARN, {**mine, "fps": mixed(known.measured_fps, fps)})
    sized = work.row(_SPEED, Speeds, {**mine, "of_size": size_class})
    values = {"fps": mixed(sized.fps if sized is not None else None, fps), "at": work.now}
    if not work.run(_LEARN_SIZE, {**mine, "of_size": size_class, **values}):
        row = {"interface_id": interface_id, "model": model, "size_class": size_class}
        work.run(_FIRST_SPEED, {**row, **values})


def mixed(known: float | None, fps: float) -> float:
    """A moving average: the last few steps count."""
    return fps if known is None else 0.7 * known + 0.3 * fps
