"""How fast this machine was when `segfleet bench` tried it: a file beside the models, read by all its nodes.

A speed counts only for the provider and the version of the software that it was measured with.
"""

import importlib.metadata
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from interface_node.jobs import durable
from protocol.base import ModelName, Rate

_log = structlog.get_logger(__name__)
USUAL_PIXELS: Final = 1280 * 720
"""The registry has one speed for a model; that of the size nearest to this one is told."""


class Speed(BaseModel):
    """Frames a second of a model's id on videos of one size, from decoding to encoding."""

    model_config = ConfigDict(frozen=True)

    model: ModelName
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    fps: Rate = Field(gt=0)
    provider: str
    software_version: str


class _File(BaseModel):
    speeds: tuple[Speed, ...] = ()


def place(cache: Path) -> Path:
    """Where the speeds of this machine are kept."""
    return cache / "speeds.json"


def software_version() -> str:
    """The version of this software."""
    return importlib.metadata.version("segfleet")


def read(cache: Path, provider: str) -> tuple[Speed, ...]:
    """What was measured with `provider` and this version; nothing when that was never done. A damaged file is logged
    and taken for none: a node works without it."""
    return tuple(speed for speed in _all(cache) if speed.provider == provider and _is_ours(speed))


def keep(cache: Path, measured: Iterable[Speed]) -> None:
    """Add to what is known, in place of the same model's, size's and provider's; what another version measured goes."""
    known = {(one.model, one.width, one.height, one.provider): one for one in _all(cache) if _is_ours(one)}
    known.update({(one.model, one.width, one.height, one.provider): one for one in measured})
    durable.write(place(cache), _File(speeds=tuple(known.values())).model_dump_json(indent=1).encode())


def usual(speeds: Iterable[Speed]) -> dict[str, float]:
    """One speed for each model's id, in frames a second: at the size that is nearest to 720p."""
    ordered = sorted(speeds, key=lambda one: abs(one.width * one.height - USUAL_PIXELS), reverse=True)
    return {one.model: one.fps for one in ordered}


def _is_ours(speed: Speed) -> bool:
    return speed.software_version == software_version()


def _all(cache: Path) -> tuple[Speed, ...]:
    try:
        return _File.model_validate_json(place(cache).read_bytes()).speeds
    except FileNotFoundError:
        return ()
    except (OSError, ValidationError) as error:
        _log.warning("speeds_unreadable", path=str(place(cache)), why=str(error)[:200])
        return ()
