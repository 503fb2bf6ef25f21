"""Which models the fleet knows, has online, and how fast they are."""

from dataclasses import dataclass
from itertools import groupby

from coordinator.store import offers
from coordinator.store.offers import Offer
from coordinator.store.work import Work


@dataclass(frozen=True, slots=True)
class Model:
    """A model by its name. `nodes` counts those online, `speed_fps` is the best node's, measured where there is a
    measurement; None when nobody knows. `title`, `licence` and `commercial` are what a node says of it."""

    name: str
    default: bool
    nodes: int
    providers: tuple[str, ...]
    speed_fps: float | None
    title: str = ""
    licence: str = ""
    commercial: bool | None = None


def known(work: Work, model: str, default_model: str) -> bool:
    """Whether a task may ask for this model: it may have to wait for a node, but some node has had it."""
    return model == default_model or offers.known(work, model)


def catalogue(work: Work, default_model: str) -> list[Model]:
    """Every known model, the default first, then by name."""
    grouped = groupby(offers.everywhere(work), key=lambda offer: offer.model)
    found = {name: _model(name, default_model, list(group)) for name, group in grouped}
    found.setdefault(default_model, Model(default_model, default=True, nodes=0, providers=(), speed_fps=None))
    return sorted(found.values(), key=lambda model: (not model.default, model.name))


def _model(name: str, default_model: str, all_offers: list[Offer]) -> Model:
    online = [offer for offer in all_offers if offer.online]
    speeds = [speed for offer in online or all_offers if (speed := offer.measured_fps or offer.speed_fps)]
    said = next((offer for offer in online or all_offers if offer.licence), all_offers[0])
    return Model(
        name=name,
        title=said.title,
        licence=said.licence,
        commercial=said.commercial,
        default=name == default_model,
        nodes=len(online),
        providers=tuple(sorted({offer.provider for offer in online})),
        speed_fps=max(speeds, default=None),
    )
